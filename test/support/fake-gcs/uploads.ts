/** Simple, multipart and resumable uploads to a fake bucket (https://cloud.google.com/storage/docs/uploads-downloads). */
import { type Answer, invalid, json, refusal } from './answers.js';
import { type FakeBucket, objectOf, resourceOf, store, tooSoon, unmetCondition } from './objects.js';

/** What the world around a bucket gives its handlers. */
export interface Surroundings {
  readonly nextGeneration: () => bigint;
  readonly limitsRate: boolean;
  readonly sessions: Map<string, Session>;
}

/** A resumable upload under way; `done` is its answer once it is over. */
interface Session {
  readonly bucket: FakeBucket;
  readonly name: string;
  readonly query: URLSearchParams;
  readonly described: Described;
  readonly received: Buffer[];
  done?: Answer;
}

type Described = Readonly<Record<string, unknown>>;

/** A request as its handler sees it. */
export interface Upload {
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

const chunkUnit = 256 * 1024;

/** Makes the object, if the request's preconditions hold and the declared digests are those of its bytes. */
const commit = (
  around: Surroundings,
  bucket: FakeBucket,
  name: string,
  query: URLSearchParams,
  described: Described,
  bytes: Buffer,
): Answer => {
  const unmet = unmetCondition(query, bucket.objects.get(name), 'write');
  if (unmet !== undefined) return unmet;
  const { name: _name, bucket: _bucket, md5Hash, crc32c, ...kept } = described;
  const object = objectOf(name, bytes, around.nextGeneration(), kept);
  for (const [what, declared, actual] of [
    ['MD5', md5Hash, object.md5Hash],
    ['CRC32C', crc32c, object.crc32c],
  ] as const) {
    if (declared !== undefined && declared !== actual) {
      return invalid(
        `Provided ${what} hash ${JSON.stringify(declared)} doesn't match calculated ${what} hash "${actual}".`,
      );
    }
  }
  if (around.limitsRate) {
    const refused = tooSoon(bucket, name);
    if (refused !== undefined) return refused;
  }
  store(bucket, object);
  return json(resourceOf(bucket, object));
};

/** `uploadType=media` or `multipart`. */
export const uploadAtOnce = (around: Surroundings, bucket: FakeBucket, { query, headers, body }: Upload): Answer => {
  if (query.get('uploadType') === 'media') {
    const name = query.get('name');
    if (name === null) return refusal(400, 'required', 'Required parameter: name');
    return commit(around, bucket, name, query, { contentType: headers['content-type'] }, body);
  }
  const parts = partsOf(`${headers['content-type'] ?? ''}`, body);
  const described = parts === undefined ? undefined : describedBy(parts.metadata);
  if (parts === undefined || described === undefined) return invalid('Malformed multipart body.');
  const name = query.get('name') ?? described['name'];
  if (typeof name !== 'string') return refusal(400, 'required', 'Required parameter: name');
  return commit(around, bucket, name, query, described, parts.media);
};

const describedBy = (body: Buffer): Described | undefined => {
  try {
    return body.length === 0 ? {} : JSON.parse(body.toString());
  } catch {
    return undefined;
  }
};

/** The two parts of a multipart/related body (RFC 2387). */
const partsOf = (contentType: string, body: Buffer) => {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1];
  if (boundary === undefined) return undefined;
  const delimiter = `--${boundary}`;
  const contentOf = (from: number, to: number) => {
    const start = body.indexOf('\r\n\r\n', from);
    return start < 0 || start + 4 > to ? undefined : body.subarray(start + 4, to);
  };
  const first = body.indexOf(delimiter);
  const second = body.indexOf(`\r\n${delimiter}\r\n`, first + delimiter.length);
  const last = body.lastIndexOf(`\r\n${delimiter}--`);
  if (first < 0 || second < 0 || last <= second) return undefined;
  const metadata = contentOf(first, second);
  const media = contentOf(second + 2 + delimiter.length, last);
  return metadata === undefined || media === undefined ? undefined : { metadata, media };
};

/** `POST …?uploadType=resumable`. The preconditions are looked at now, and again when the object is made. */
export const startSession = (around: Surroundings, bucket: FakeBucket, { query, headers, body }: Upload): Answer => {
  const described = describedBy(body);
  if (described === undefined) return invalid('Malformed metadata.');
  const name = query.get('name') ?? described['name'];
  if (typeof name !== 'string') return refusal(400, 'required', 'Required parameter: name');
  const unmet = unmetCondition(query, bucket.objects.get(name), 'write');
  if (unmet !== undefined) return unmet;
  const contentType = headers['x-upload-content-type'];
  const id = `session-${around.sessions.size + 1}`;
  around.sessions.set(id, {
    bucket,
    name,
    query,
    described: { ...(contentType === undefined ? {} : { contentType }), ...described },
    received: [],
  });
  // By the way the client came, which may lead through a proxy.
  const location = `http://${headers['host']}/upload/storage/v1/b/${bucket.name}/o?uploadType=resumable&name=${encodeURIComponent(name)}&upload_id=${id}`;
  return { status: 200, headers: { location, 'x-guploader-uploadid': id }, body: Buffer.alloc(0) };
};

/** `PUT …&upload_id=…`: a chunk, or with the range `bytes *` + `/…` the question how much has arrived. */
export const continueSession = (around: Surroundings, { query, headers, body }: Upload): Answer => {
  const session = around.sessions.get(query.get('upload_id') ?? '');
  if (session === undefined) return refusal(404, 'notFound', 'Not Found');
  if (session.done !== undefined) return session.done;
  const range = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(`${headers['content-range'] ?? ''}`);
  const receivedBytes = session.received.reduce((sum, chunk) => sum + chunk.length, 0);
  const incomplete = (bytes: number): Answer => ({
    status: 308,
    headers: bytes === 0 ? {} : { range: `bytes=0-${bytes - 1}` },
    body: Buffer.alloc(0),
  });
  const finish = (): Answer => {
    const bytes = Buffer.concat(session.received);
    session.received.length = 0;
    session.done = commit(around, session.bucket, session.name, session.query, session.described, bytes);
    return session.done;
  };

  if (headers['content-range'] === undefined) {
    session.received.splice(0, session.received.length, body);
    return finish();
  }
  if (range === null) return invalid('Failed to parse Content-Range header.');
  const [, first, last, total] = range;
  if (first === undefined || last === undefined) {
    return Number(total) === receivedBytes ? finish() : incomplete(receivedBytes);
  }
  if (body.length !== Number(last) - Number(first) + 1 || Number(first) > receivedBytes) {
    return invalid('Invalid request. The number of bytes uploaded does not fit the Content-Range header.');
  }
  const isLast = total !== '*' && Number(last) + 1 === Number(total);
  if (!isLast && body.length % chunkUnit !== 0) {
    return invalid(
      `Invalid request. There were ${body.length} byte(s) in the chunk, which is no multiple of ${chunkUnit}.`,
    );
  }
  session.received.push(body.subarray(receivedBytes - Number(first)));
  return isLast ? finish() : incomplete(Number(last) + 1);
};
