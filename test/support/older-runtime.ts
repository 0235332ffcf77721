/** A package under the name of BigQuery ML's runtime that is the current one, with what goes wrong in it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** Writes it into `folder`, which `NODE_PATH` then names. `creates` is code that has a `session` before it is given out. */
export const writeOlderRuntime = async (folder: string, creates: string, version = '1.12.0'): Promise<void> => {
  const place = join(folder, 'onnxruntime-node-1.12');
  const current = createRequire(import.meta.url).resolve('onnxruntime-node');
  await mkdir(place);
  await writeFile(join(place, 'package.json'), JSON.stringify({ name: 'onnxruntime-node', version, main: 'index.js' }));
  await writeFile(
    join(place, 'index.js'),
    `const current = require(${JSON.stringify(current)});
    const create = async (bytes, options) => {
      const session = await current.InferenceSession.create(bytes, options);
      ${creates}
      return session;
    };
    module.exports = { InferenceSession: { create }, Tensor: current.Tensor };`,
  );
};
