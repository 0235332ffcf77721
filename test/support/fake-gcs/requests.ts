/** Which request of the JSON API it is, and what answers it. */
import type { IncomingMessage } from 'node:http';
import { type Answer, invalid, json, noSuchBucket, noSuchObject, refusal } from './answers.js';
import { list, only } from './listing.js';
import { type FakeBucket, objectOf, remove, resourceOf, store, tooSoon, unmetCondition } from './objects.js';
import { continueSession, startSession, type Surroundings, uploadAtOnce } from './uploads.js';

/** `head` is an object's metadata; `session` begins a resumable upload, `chunk` goes on with it, `status` asks how far it is. */
export type RequestKind =
  | 'bucket'
  | 'head'
  | 'media'
  | 'list'
  | 'patch'
  | 'delete'
  | 'rewrite'
  | 'compose'
  | 'upload'
  | 'session'
  | 'chunk'
  | 'status'
  | 'other';

/** A request, taken apart. `object` is decoded. */
export interface ApiRequest {
  readonly kind: RequestKind;
  readonly bucket: string;
  readonly object: string;
  readonly target: { readonly bucket: string; readonly object: string };
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
}

const path =
  /^\/(?:(?<area>upload|download)\/)?storage\/v1\/b\/(?<bucket>[^/]+)(?:\/(?<objects>o)(?:\/(?<object>[^/]+)(?:\/(?<compose>compose)|\/rewriteTo\/b\/(?<toBucket>[^/]+)\/o\/(?<toObject>[^/]+))?)?)?$/;

export const apiRequestOf = (message: IncomingMessage): ApiRequest => {
  const url = new URL(message.url ?? '/', 'http://fake');
  const parts = path.exec(url.pathname)?.groups ?? {};
  return {
    kind: kindOf(message, url.searchParams, parts),
    bucket: decodeURIComponent(parts['bucket'] ?? ''),
    object: decodeURIComponent(parts['object'] ?? ''),
    target: {
      bucket: decodeURIComponent(parts['toBucket'] ?? ''),
      object: decodeURIComponent(parts['toObject'] ?? ''),
    },
    query: url.searchParams,
    headers: message.headers,
  };
};

const kindOf = (
  { method, headers }: IncomingMessage,
  query: URLSearchParams,
  parts: Readonly<Record<string, string | undefined>>,
): RequestKind => {
  if (parts['bucket'] === undefined) return 'other';
  if (parts['area'] === 'upload') {
    if (method === 'POST') return query.get('uploadType') === 'resumable' ? 'session' : 'upload';
    if (method !== 'PUT') return 'other';
    return headers['content-range']?.startsWith('bytes */') ? 'status' : 'chunk';
  }
  if (method === 'POST' && parts['compose'] !== undefined) return 'compose';
  if (method === 'POST') return parts['toObject'] === undefined ? 'other' : 'rewrite';
  if (parts['objects'] === undefined) return method === 'GET' ? 'bucket' : 'other';
  if (parts['object'] === undefined) return method === 'GET' ? 'list' : 'other';
  if (method === 'GET') return query.get('alt') === 'media' || parts['area'] === 'download' ? 'media' : 'head';
  if (method === 'PATCH') return 'patch';
  return method === 'DELETE' ? 'delete' : 'other';
};

/** What the handlers stand on. */
export interface World extends Surroundings {
  readonly buckets: ReadonlyMap<string, FakeBucket>;
  readonly rewriteRounds: number;
  readonly pageEntries: number;
}

export const answerTo = (world: World, request: ApiRequest, body: Buffer): Answer => {
  const { kind, query, headers } = request;
  if (kind === 'other') return refusal(404, 'notFound', 'Not Found');
  const bucket = world.buckets.get(request.bucket);
  if (bucket === undefined) return noSuchBucket();
  const upload = { query, headers, body };
  switch (kind) {
    case 'bucket':
      return json({
        kind: 'storage#bucket',
        id: bucket.name,
        name: bucket.name,
        location: 'US',
        storageClass: 'STANDARD',
      });
    case 'list':
      return list(bucket, query, world.pageEntries);
    case 'upload':
      return uploadAtOnce(world, bucket, upload);
    case 'session':
      return startSession(world, bucket, upload);
    case 'chunk':
    case 'status':
      return continueSession(world, upload);
    case 'rewrite':
      return rewrite(world, bucket, request);
    case 'compose':
      return compose(world, bucket, request, body);
    case 'head':
    case 'media':
    case 'patch':
    case 'delete':
      return onObject(world, bucket, request, body);
  }
};

const onObject = (world: World, bucket: FakeBucket, request: ApiRequest, body: Buffer): Answer => {
  const { kind, query, headers } = request;
  const live = bucket.objects.get(request.object);
  const generation = query.get('generation');
  if (live === undefined || (generation !== null && generation !== `${live.generation}`)) {
    return noSuchObject(bucket.name, request.object);
  }
  const isRead = kind === 'head' || kind === 'media';
  const unmet = unmetCondition(query, live, isRead ? 'read' : 'write');
  if (unmet !== undefined) return unmet;
  const refused = !isRead && world.limitsRate ? tooSoon(bucket, live.name) : undefined;
  if (refused !== undefined) return refused;
  switch (kind) {
    case 'head':
      return json(only(query.get('fields')?.split(','), resourceOf(bucket, live)));
    case 'patch': {
      const changes: Readonly<Record<string, unknown>> = JSON.parse(body.toString());
      const next = { ...live, metageneration: live.metageneration + 1n, described: { ...live.described, ...changes } };
      store(bucket, next);
      return json(resourceOf(bucket, next));
    }
    case 'delete':
      remove(bucket, live.name);
      return { status: 204 };
    default:
      return media(live, headers.range);
  }
};

/** The bytes, or those of a `Range` (RFC 9110, 14.1), with the headers that tell of the whole object. */
const media = (live: ReturnType<typeof objectOf>, range: string | undefined): Answer => {
  const { contentType } = live.described;
  const about = {
    'content-type': typeof contentType === 'string' ? contentType : 'application/octet-stream',
    'x-goog-generation': `${live.generation}`,
    'x-goog-metageneration': `${live.metageneration}`,
    'x-goog-hash': `crc32c=${live.crc32c}${live.md5Hash === undefined ? '' : `,md5=${live.md5Hash}`}`,
    'x-goog-stored-content-encoding': 'identity',
    'x-goog-stored-content-length': `${live.bytes.length}`,
  };
  const size = live.bytes.length;
  const wanted = /^bytes=(\d*)-(\d*)$/.exec(range ?? '');
  if (wanted === null) return { status: 200, headers: about, body: live.bytes };
  const [, from = '', to = ''] = wanted;
  const first = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (first > last) {
    return {
      ...refusal(416, 'requestedRangeNotSatisfiable', 'Request range not satisfiable'),
      headers: { 'content-range': `bytes */${size}` },
    };
  }
  return {
    status: 206,
    headers: { ...about, 'content-range': `bytes ${first}-${last}/${size}` },
    body: live.bytes.subarray(first, last + 1),
  };
};

/** One round of a copy within the service; a token says how many rounds were done and of what. */
const rewrite = (world: World, bucket: FakeBucket, { object, target, query }: ApiRequest): Answer => {
  const destination = world.buckets.get(target.bucket);
  if (destination === undefined) return noSuchBucket();
  const source = bucket.objects.get(object);
  const sourceGeneration = query.get('sourceGeneration');
  if (source === undefined || (sourceGeneration !== null && sourceGeneration !== `${source.generation}`)) {
    return noSuchObject(bucket.name, object);
  }
  const unmet =
    unmetCondition(query, source, 'write', 'ifSource') ??
    unmetCondition(query, destination.objects.get(target.object), 'write');
  if (unmet !== undefined) return unmet;
  const size = source.bytes.length;
  const tokenOf = (round: number) =>
    Buffer.from(JSON.stringify([`${source.generation}`, target.bucket, target.object, round])).toString('base64');
  const token = query.get('rewriteToken');
  const round = token === null ? 0 : Array.from({ length: world.rewriteRounds }, (_, i) => tokenOf(i)).indexOf(token);
  if (round < 0) return invalid('Invalid rewriteToken.');
  if (round + 1 < world.rewriteRounds) {
    return json({
      kind: 'storage#rewriteResponse',
      totalBytesRewritten: `${Math.floor((size * (round + 1)) / world.rewriteRounds)}`,
      objectSize: `${size}`,
      done: false,
      rewriteToken: tokenOf(round + 1),
    });
  }
  const refused = world.limitsRate ? tooSoon(destination, target.object) : undefined;
  if (refused !== undefined) return refused;
  const copy = objectOf(target.object, source.bytes, world.nextGeneration(), source.described);
  store(destination, copy);
  return json({
    kind: 'storage#rewriteResponse',
    totalBytesRewritten: `${size}`,
    objectSize: `${size}`,
    done: true,
    resource: resourceOf(destination, copy),
  });
};

/** Joins objects into one, which has no md5. */
const compose = (world: World, bucket: FakeBucket, { object, query }: ApiRequest, body: Buffer): Answer => {
  const wanted: { readonly sourceObjects?: ReadonlyArray<{ readonly name: string }> } = JSON.parse(body.toString());
  const sources = (wanted.sourceObjects ?? []).map(({ name }) => bucket.objects.get(name));
  if (sources.some((source) => source === undefined)) return noSuchObject(bucket.name, object);
  const unmet = unmetCondition(query, bucket.objects.get(object), 'write');
  if (unmet !== undefined) return unmet;
  const bytes = Buffer.concat(sources.flatMap((source) => (source === undefined ? [] : [source.bytes])));
  const joined = { ...objectOf(object, bytes, world.nextGeneration(), {}), md5Hash: undefined };
  store(bucket, joined);
  return json(resourceOf(bucket, joined));
};
