/** A process of its own that runs an artifact once in BigQuery ML's runtime: on standard input the feeds, behind their length, and the artifact. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { deserialize, serialize } from 'node:v8';
import * as E from 'fp-ts/lib/Either.js';
import type * as onnxruntime from 'onnxruntime-node';
import { fail, type Tensor } from '../../core/index.js';
import { bigqueryRuntimePackage } from './bigquery-runtime.js';
import { beginChild } from './child.js';
import { openSession, reasonOf } from './session.js';

const { answer } = await beginChild();
const input = readFileSync(0);
const artifactAt = 4 + input.readUInt32LE(0);
const feeds = deserialize(input.subarray(4, artifactAt)) as ReadonlyMap<string, Tensor>;
try {
  const runtime = createRequire(import.meta.url)(bigqueryRuntimePackage) as typeof onnxruntime;
  const session = await openSession(runtime, input.subarray(artifactAt));
  answer(E.right(serialize(await session.run(feeds)).toString('base64')));
} catch (error) {
  answer(fail('ArtifactUnreadable', `It failed there (${reasonOf(error)}).`));
}
