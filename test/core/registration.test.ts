/** What a version's registration.json turns out to be: registered, aborted, legacy or unreadable, and never a surprise. */
import test from 'ava';
import * as fc from 'fast-check';
import { type JsonObject, sealDocument } from '../../core/index.js';
import { readVersionRecord, type VersionRecord } from '../../core/model/registration.js';
import { host } from '../support/registry.js';

const model = { modelType: 'rating', name: 'prod' };
const seal = sealDocument(host);
const read = (bytes: Uint8Array, version = 3): VersionRecord => readVersionRecord(host)('there', model, version, bytes);
const bytesOf = host.utf8.encode;

const registration: JsonObject = {
  schema_version: 1,
  registration_id: '6b1c1d0e-0000-4000-8000-000000000000',
  model_type: 'rating',
  name: 'prod',
  version: 3,
  status: 'registered',
  description: 'd',
  original_experiment: { name: 'best', version: 7, metadata: {} },
  model_info: {},
  metrics: { train: {}, tune: {}, test: { r2: 0.7 } },
  parameters: {},
  validation_metrics: { min_r2: 0.5 },
  validation_report: [{ rule: 'min', metric: 'r2', threshold: 0.5, value: 0.7, passed: true }],
  validation_skipped: false,
  golden_rows_checked: 0,
  artifact: { file: 'pipeline.onnx', format: 'onnx', bytes: 1, sha256: 'ab' },
  signature: { inputs: [], outputs: [], features: [] },
  registered_at: '2026-01-01T00:00:00.000Z',
  registered_by: 'me',
  environment: 'dev',
  metadata: {},
};
const tombstone: JsonObject = {
  schema_version: 1,
  registration_id: 'r',
  model_type: 'rating',
  name: 'prod',
  version: 3,
  status: 'aborted',
};

const records: ReadonlyArray<readonly [what: string, bytes: Uint8Array, kind: VersionRecord['kind'], told?: RegExp]> = [
  ['a registration', seal(registration), 'registered'],
  ['a registration with a field from the future', seal({ ...registration, future: 1 }), 'registered'],
  ['a tombstone', seal(tombstone), 'aborted'],
  ['what Python wrote', bytesOf('{"name": "prod", "version": 3}'), 'legacy'],
  ['what Python wrote with bare NaN', bytesOf('{"metrics": {"test": {"r2": NaN}}}'), 'legacy'],
  ['what Python wrote with nothing in it', bytesOf('{}'), 'legacy'],
  ['what Python wrote as aborted', bytesOf('{"status": "aborted"}'), 'legacy'],
  ['nothing', bytesOf(''), 'unreadable', /there is not JSON/],
  ['a list', bytesOf('[]'), 'unreadable', /there is not valid/],
  ['half of it', seal(registration).slice(0, 300), 'unreadable', /not JSON/],
  ['a registration without a digest', bytesOf(JSON.stringify(registration)), 'unreadable', /digest differs/],
  [
    'a registration that lost its schema_version',
    bytesOf(JSON.stringify({ ...registration, schema_version: undefined })),
    'unreadable',
    /digest differs/,
  ],
  ['a later schema', seal({ ...registration, schema_version: 2 }), 'unreadable', /\/schema_version must be 1, got 2/],
  [
    'a registration that lacks a field',
    seal({ ...registration, artifact: undefined }),
    'unreadable',
    /\/artifact is required/,
  ],
  [
    'the registration of another version',
    seal({ ...registration, version: 4 }),
    'unreadable',
    /version 4 of rating\/prod, not 3 of rating\/prod: it was put there by hand/,
  ],
  [
    'the registration of another model',
    seal({ ...registration, name: 'prod-2' }),
    'unreadable',
    /rating\/prod-2, not 3 of rating\/prod/,
  ],
  [
    'the registration of another type',
    seal({ ...registration, model_type: 'rating-test' }),
    'unreadable',
    /of rating-test\/prod/,
  ],
  ['a tombstone that lacks a field', seal({ ...tombstone, name: undefined }), 'unreadable', /\/name/],
];
for (const [what, bytes, kind, told] of records) {
  test(`${kind}: ${what}`, (t) => {
    const record = read(bytes);
    t.is(record.kind, kind);
    t.is(record.version, 3);
    if (record.kind === 'unreadable') {
      t.is(record.failure.tag, 'ArtifactUnreadable');
      t.regex(record.failure.message, told ?? /never/);
    }
  });
}

test('no flip of the bits of one byte makes a registration something else than unreadable', (t) => {
  const bytes = seal(registration);
  const original = read(bytes);
  const kinds = new Set<string>();
  for (let at = 0; at < bytes.length; at++) {
    for (const mask of [1, 2, 4, 8, 16, 32, 64, 128, 255, 0x2a]) {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ mask;
      const record = read(damaged);
      kinds.add(record.kind);
      if (record.kind !== 'unreadable') t.deepEqual(record, original, `byte ${at} flipped by ${mask}`);
    }
  }
  t.deepEqual([...kinds].sort(), ['registered', 'unreadable']);
});

test('no bytes at all make it throw', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map(bytesOf),
        fc.dictionary(fc.constantFrom(...Object.keys(registration)), fc.jsonValue()).map(seal),
      ),
      (bytes) => {
        t.notThrows(() => read(bytes));
      },
    ),
  );
});
