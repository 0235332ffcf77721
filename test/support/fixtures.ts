/** The committed ONNX models in `test/support/onnx`, which `make_fixtures.py` made. */
import { readFile } from 'node:fs/promises';

/** The bytes of one of them; `name` is without its extension. */
export const onnxFixture = (name: string): Promise<Uint8Array> =>
  readFile(new URL(`../../../test/support/onnx/${name}.onnx`, import.meta.url));
