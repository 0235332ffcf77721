/** How deep JSON nests, told cheaply: most of it has too few brackets to be deep. */

/** Whether `value`, of which `text` is the JSON, has more than `limit` objects and arrays one in the other. */
export const nestsDeeper = (text: string, value: unknown, limit: number): boolean => {
  const most = opensOf(text);
  return most > limit && isDeeper(value, limit, most);
};

/** How many objects and arrays there are at most: in texts there may be brackets, too. */
const opensOf = (text: string): number => {
  let count = 0;
  for (const bracket of '{[') {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) count++;
  }
  return count;
};

/** Level by level: recursion is what a deep value breaks. Once all `most` were found there is none in them: rows and columns are not looked into. */
const isDeeper = (value: unknown, limit: number, most: number): boolean => {
  let level: object[] = isNested(value) ? [value] : [];
  for (let depth = 0, found = 0; level.length > 0; depth++) {
    if (depth === limit) return true;
    found += level.length;
    if (found === most) return false;
    const inner: object[] = [];
    for (const each of level) {
      if (Array.isArray(each)) {
        for (let i = 0; i < each.length; i++) if (isNested(each[i])) inner.push(each[i]);
      } else {
        const members = each as Readonly<Record<string, unknown>>;
        for (const key in members) {
          const member = members[key];
          if (isNested(member)) inner.push(member);
        }
      }
    }
    level = inner;
  }
  return false;
};

const isNested = (value: unknown): value is object => typeof value === 'object' && value !== null;
