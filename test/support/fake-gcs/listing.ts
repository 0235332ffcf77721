/** Lists a fake bucket: prefix, delimiter, offsets, glob and pages (https://cloud.google.com/storage/docs/json_api/v1/objects/list). */
import { type Answer, invalid, json } from './answers.js';
import { type FakeBucket, resourceOf } from './objects.js';

export const list = (bucket: FakeBucket, query: URLSearchParams, pageEntries: number): Answer => {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const startOffset = query.get('startOffset') ?? '';
  const endOffset = query.get('endOffset');
  const withTrailing = query.get('includeTrailingDelimiter') === 'true';
  const glob = query.get('matchGlob');
  const matches = glob === null ? () => true : (name: string) => globPattern(glob).test(name);
  const limit = Math.min(Number(query.get('maxResults') ?? pageEntries), pageEntries);
  const after = query.get('pageToken');
  const afterName = after === null ? undefined : nameOfToken(after);
  if (after !== null && afterName === undefined) return invalid('Invalid Value');
  if (!Number.isInteger(limit) || limit < 1) return invalid('Invalid value for maxResults.');

  const items: string[] = [];
  const prefixes = new Set<string>();
  let last: string | undefined;
  let isMore = false;
  for (const name of bucket.names) {
    if (!name.startsWith(prefix) || name < startOffset || (endOffset !== null && name >= endOffset) || !matches(name)) {
      continue;
    }
    const end = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
    const entry = end < 0 ? name : name.slice(0, end + delimiter.length);
    // A page that ended with a prefix ended after all names that begin so.
    if (afterName !== undefined && (name <= afterName || (entry === afterName && entry !== name))) continue;
    const isTrailing = withTrailing && entry === name && end >= 0;
    if (prefixes.has(entry) && !isTrailing) continue;
    if (items.length + prefixes.size >= limit) {
      isMore = true;
      break;
    }
    if (end < 0 || isTrailing) items.push(name);
    if (end >= 0) prefixes.add(entry);
    last = entry;
  }

  const fields = query.get('fields');
  const wanted = fields === null ? undefined : /items\(([^)]*)\)/.exec(fields)?.[1]?.split(',');
  return json({
    ...(fields === null ? { kind: 'storage#objects' } : {}),
    ...(isMore && last !== undefined ? { nextPageToken: tokenOf(last) } : {}),
    ...(prefixes.size > 0 ? { prefixes: [...prefixes] } : {}),
    ...(items.length > 0
      ? {
          items: items.flatMap((name) => {
            const object = bucket.objects.get(name);
            return object === undefined ? [] : [only(wanted, resourceOf(bucket, object))];
          }),
        }
      : {}),
  });
};

/** The named fields of a resource, or all of it. */
export const only = (
  fields: ReadonlyArray<string> | undefined,
  resource: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> =>
  fields === undefined
    ? resource
    : Object.fromEntries(Object.entries(resource).filter(([key]) => fields.includes(key)));

const tokenOf = (name: string): string => Buffer.from(`after:${name}`).toString('base64url');

const nameOfToken = (token: string): string | undefined => {
  const text = Buffer.from(token, 'base64url').toString();
  return text.startsWith('after:') ? text.slice('after:'.length) : undefined;
};

/** `*` within a segment, `**` across, `?`, `[a-z]`, `{a,b}`. */
const globPattern = (glob: string): RegExp => {
  let depth = 0;
  const body = glob.replace(/\*\*\/?|\*|\?|\[!?[^\]]*\]|[{},]|[.+^$()|\\\]]/g, (token) => {
    if (token.startsWith('**')) return token.endsWith('/') ? '(?:.*/)?' : '.*';
    if (token === '*') return '[^/]*';
    if (token === '?') return '[^/]';
    if (token.startsWith('[')) return token.replace('[!', '[^');
    if (token === '{') depth += 1;
    else if (token === '}') depth -= 1;
    if (token === '{') return '(?:';
    if (token === '}') return ')';
    if (token === ',') return depth > 0 ? '|' : ',';
    return `\\${token}`;
  });
  return new RegExp(`^${body}$`);
};
