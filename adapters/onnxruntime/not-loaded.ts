/** Why an artifact does not load: what its bytes are, or what the runtime says of a model that it does not take. */
import { damaged, whyNotAModel } from './not-a-model.js';
import { messageOf, reasonOf } from './session.js';

/** What the runtime says, and what is told of it: the `$1` are its groups. */
const refusals: ReadonlyArray<readonly [said: RegExp, told: string]> = [
  [/external data/i, 'The artifact keeps weights in a second file (ONNX external data). Export it as one file.'],
  [/protobuf parsing failed/i, damaged],
  [
    /\bOpset (\d+) is under development.*Current official support for domain (\S+) is till opset (\d+)/s,
    'The artifact needs opset $1 of $2, and this ONNX Runtime has up to opset $3. Export it with a target_opset of $3 or less for $2.',
  ],
  [
    /\bUnsupported model IR version: (\d+), max supported IR version: (\d+)/,
    'The artifact has the ONNX IR version $1, and this ONNX Runtime reads up to $2. Export it with an older onnx package, or set ir_version of the model to $2 before it is saved.',
  ],
  [/\bMissing opset in the model/, 'The artifact names no opset, which every ONNX model must. Export it again.'],
  [
    /\bNo Op registered for (\S+) with domain_version of (\d+)/,
    'The artifact has the operator $1, which this ONNX Runtime does not have in opset $2. Export it without operators of its own, or with another target_opset.',
  ],
  [
    /(\S+):(\w+)\(-?\d+\) is not a registered function\/op/,
    'The artifact has the operator $2 of $1, which this ONNX Runtime does not have. Export it without operators of its own.',
  ],
];

/** As sentences: what is wrong with the artifact, and what to do. */
export const whyNotLoaded = (artifact: Uint8Array, error: unknown): string => {
  const why = whyNotAModel(artifact);
  if (why !== undefined) return why;
  const message = messageOf(error);
  for (const [said, told] of refusals) {
    const found = said.exec(message);
    if (found !== null) return told.replaceAll(/\$(\d)/g, (_, group: string) => found[Number(group)] ?? '');
  }
  return `The artifact is not a model that ONNX Runtime can load (${reasonOf(error)}).`;
};
