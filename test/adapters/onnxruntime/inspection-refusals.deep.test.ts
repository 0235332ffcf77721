/** Which models an inspection refuses, and in which words: each takes a process of its own. */
import test from 'ava';
import { onnxruntimeInferenceEngine } from '../../../adapters/onnxruntime/inference-engine.js';
import { onnxFixture } from '../../support/fixtures.js';
import { leftOf, unhurried } from '../../support/scoring.js';

const engine = onnxruntimeInferenceEngine();

/** What stands in the way of serving each of these, as a person is told. */
const refusals: ReadonlyArray<readonly [fixture: string, says: RegExp]> = [
  ['zipmap', /output "output_probability" is not a tensor.*options=\{'zipmap': False\}/],
  ['float16', /input "x" has the type float16; what can be served is float32, float64, int32, int64, bool, string\./],
  ['uint8-output', /output "y" has the type uint8/],
  ['three-dimensions', /input "x" has the shape \[free, 2, 2\]; it must be \[N\], \[N, 1\] or \[N, F\]/],
  ['fixed-rows', /input "x" has the shape \[1, 2\].*free first dimension/],
  ['scalar-output', /output "y" has the shape \[\] for one row/],
  [
    'dependent-rows',
    /output "y" for a row depends on the rows beside it \(0 alone, -50 beside another\): .*by itself\.$/,
  ],
  ['dependent-integers', /depends on the rows beside it \(0 alone, 1 beside another\)/],
  ['one-row', /runs one row of zeros and not two \(.*\): rows are scored in batches of any size\./],
  ['no-inputs', /has no inputs/],
  ['external-data', /second file.*Export it as one file/],
  [
    'known-texts',
    /failed on one row of zeros, fed as "x" \[1, 1\] \(Unknown Category.*\)\. .*golden rows.*handle_unknown='ignore'\.$/,
  ],
  ['matrix-free-width', /failed on one row of zeros, fed as "x" \[1, 1\] \(GEMM: Dimension mismatch.*\)\.$/],
];

for (const [fixture, says] of refusals) {
  test(`an inspection refuses ${fixture} and says why`, async (t) => {
    const inspected = await engine.inspect(await onnxFixture(fixture), [], unhurried)();
    const { message } = leftOf(inspected, 'ArtifactUnreadable');
    t.regex(message, says);
  });
}
