/** A key that an object of a JSON text has twice, which `JSON.parse` does not tell: the last one wins. */

/** Strings before a colon, other strings (which may hold braces), and what begins and ends an object. */
const tokens = /("[^"\\]*(?:\\.[^"\\]*)*")\s*:|"[^"\\]*(?:\\.[^"\\]*)*"|[{}]/gs;

/** Where the first of them is, as in `/sources/games`, without the places in arrays; undefined when there is none. `json` is JSON. */
export const repeatedKey = (json: string): string | undefined => {
  const open: { readonly keys: Set<string>; last: string }[] = [];
  for (const [token, quoted] of json.matchAll(tokens)) {
    const object = open.at(-1);
    if (token === '{') open.push({ keys: new Set(), last: '' });
    else if (token === '}') open.pop();
    else if (quoted !== undefined && object !== undefined) {
      // An escape may write the same key in another way.
      object.last = `${JSON.parse(quoted)}`;
      if (object.keys.has(object.last)) return open.map(({ last }) => `/${last}`).join('');
      object.keys.add(object.last);
    }
  }
  return undefined;
};
