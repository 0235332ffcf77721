/** What an ONNX file says of how it is written: the runtime does not tell. */
import { PbfReader } from 'pbf';
import type { OnnxFormat } from '../../core/index.js';

/** The domain that a file leaves out. */
const standardDomain = 'ai.onnx';

/** Fields of a ModelProto and an OperatorSetIdProto: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
const modelFields = { irVersion: 1, opsetImport: 8 };
const opsetFields = { domain: 1, version: 2 };

/** Of a file that the runtime has loaded. Passes over the graph without looking into it, and copies nothing. */
export const readOnnxFormat = (artifact: Uint8Array): OnnxFormat => {
  const opsets = new Map<string, number>();
  const found = new PbfReader(artifact).readFields(
    (field, format, reader) => {
      if (field === modelFields.irVersion) format.ir_version = reader.readVarint();
      if (field !== modelFields.opsetImport) return;
      const { domain, version } = reader.readMessage(readOpset, { domain: '', version: 0 });
      opsets.set(domain === '' ? standardDomain : domain, version);
    },
    { ir_version: 0 },
  );
  return { ...found, opsets: Object.fromEntries(opsets) };
};

const readOpset = (field: number, opset: { domain: string; version: number }, reader: PbfReader): void => {
  if (field === opsetFields.domain) opset.domain = reader.readString();
  if (field === opsetFields.version) opset.version = reader.readVarint();
};
