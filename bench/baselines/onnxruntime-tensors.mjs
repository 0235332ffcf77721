// Baseline: ONNX Runtime alone, on tensors that are in memory already.
import { InferenceSession, Tensor } from 'onnxruntime-node';

const rowsAtOnce = 2048;

/** What predicts `rowCount` rows on so many cores, the same few thousand again and again; `random` fills them. */
export const onnxruntimeOnTensors = async (artifact, width, rowCount, random, cores = 1) => {
  const session = await InferenceSession.create(artifact, { intraOpNumThreads: cores, interOpNumThreads: 1 });
  const tensors = Array.from({ length: 8 }, () => {
    const values = Float32Array.from({ length: rowsAtOnce * width }, random);
    return new Tensor('float32', values, [rowsAtOnce, width]);
  });
  return async () => {
    for (let at = 0, i = 0; at < rowCount; at += rowsAtOnce, i++) await session.run({ X: tensors[i % tensors.length] });
  };
};
