/** A process of its own that inspects the artifact on standard input and answers on standard output, as one line of JSON. */
import { readFileSync } from 'node:fs';
import * as E from 'fp-ts/lib/Either.js';
import { fail } from '../../core/index.js';
import { beginChild } from './child.js';
import type { ChildLimits } from './child-process.js';
import { inspectSession } from './inspection.js';
import { whyNotLoaded } from './not-loaded.js';
import { readOnnxFormat } from './onnx-format.js';
import { loadRuntime, openSession } from './session.js';

export interface InspectionOrder extends ChildLimits {
  readonly featureNames: ReadonlyArray<string>;
  readonly texts: Readonly<Record<string, string>>;
}

const { order, answer } = await beginChild<InspectionOrder>();
const runtime = await loadRuntime();
const artifact = readFileSync(0);
answer(
  await openSession(runtime, artifact).then(
    async (session) =>
      E.map((inspection: object) => ({ ...inspection, format: readOnnxFormat(artifact) }))(
        await inspectSession(session, order.featureNames, order.texts),
      ),
    (error: unknown) => fail('ArtifactUnreadable', whyNotLoaded(artifact, error)),
  ),
);
