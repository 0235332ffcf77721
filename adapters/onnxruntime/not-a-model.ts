/** What bytes are that the runtime takes for no model, told from the bytes themselves: it only knows that they do not parse. */

/** Why the bytes are no whole ONNX model, with what to do, as sentences; undefined when they look like one. */
export const whyNotAModel = (bytes: Uint8Array): string | undefined => {
  if (bytes.length === 0) return 'The artifact is empty (0 bytes). Copy or export it again.';
  return whatElse(bytes) ?? whatIsMissing(bytes);
};

/** Of what begins as a model and is no protobuf further on. */
export const damaged = 'The artifact begins as an ONNX model and is damaged further on. Copy or export it again.';

/** Files that are taken for models, by their first bytes. */
const kinds: ReadonlyArray<readonly [firstBytes: RegExp, told: string]> = [
  [
    /^\x80[\x02-\x05]/,
    'a Python pickle, not an ONNX model. Export the pipeline to ONNX, as examples/export_sklearn.py does.',
  ],
  [
    // https://www.rfc-editor.org/rfc/rfc1950
    /^\x78[\x01\x5e\x9c\xda]/,
    'compressed with zlib, as joblib writes pickles. Export the pipeline to ONNX, as examples/export_sklearn.py does.',
  ],
  [/^\x1f\x8b/, 'compressed with gzip. Decompress it first.'],
  [
    /^PK\x03\x04/,
    'a zip archive, as PyTorch, Keras and NumPy write, not an ONNX model. Unpack it, or export the model to ONNX.',
  ],
  [
    /^\x89HDF\r\n\x1a\n/,
    'an HDF5 file, as Keras writes, not an ONNX model. Export the model to ONNX, with tf2onnx for example.',
  ],
  // https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
  [
    /^version https:\/\/git-lfs\.github\.com\/spec\/v1\b/,
    'a Git LFS pointer, not the model itself. Fetch the model with git lfs pull.',
  ],
  [
    /^\s*<(?:!doctype|html|head|body|\?xml)\b/i,
    'an HTML or XML page, such as of an error or a sign-in, not an ONNX model. Download the file itself.',
  ],
];

const looked = 4096;

const whatElse = (bytes: Uint8Array): string | undefined => {
  const first = bytes.subarray(0, looked);
  const latin1 = Array.from(first, (byte) => String.fromCharCode(byte)).join('');
  const kind = kinds.find(([firstBytes]) => firstBytes.test(latin1));
  if (kind !== undefined) return `The artifact is ${kind[1]}`;
  if (bytes.every((byte) => byte === 0))
    return 'The artifact holds nothing but zeros, as a copy that broke off leaves it. Copy or export it again.';
  const text = textOf(first);
  if (text === undefined) return undefined;
  const begin = text.trim().split(/\r?\n/)[0]?.slice(0, 60);
  return `The artifact is text that begins with ${JSON.stringify(begin)}, not an ONNX model. Put the exported model in its place.`;
};

/** UTF-8 without control characters, of which every ONNX file has one first. */
const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return /^[^\0-\x08\x0e-\x1f\x7f]+$/.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
};

const whatIsMissing = (bytes: Uint8Array): string | undefined => {
  const { hasIrVersion, hasGraph, end } = walk(bytes);
  if (typeof end === 'object' && hasIrVersion)
    return `The artifact is cut off: at least ${end.missing === 1 ? 'one byte is' : `${end.missing} bytes are`} missing at its end. Copy or export it again.`;
  if (end === 'whole' && hasGraph) return undefined;
  if (end === 'whole' && hasIrVersion)
    return 'The artifact is cut off: it ends before its graph. Copy or export it again.';
  if (hasGraph) return damaged;
  const begin = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return `The artifact is no ONNX model: its ${bytes.length} bytes begin with ${begin}. Put the exported model in its place.`;
};

/** How far the bytes are the fields of a ModelProto. */
interface Walked {
  readonly hasIrVersion: boolean;
  readonly hasGraph: boolean;
  readonly end: 'whole' | 'foreign' | { readonly missing: number };
}

const wireTypes = { varint: 0, bytes: 2 };

/** The fields of a ModelProto and how each is written: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
const fields: Readonly<Record<number, number>> = {
  1: wireTypes.varint,
  2: wireTypes.bytes,
  3: wireTypes.bytes,
  4: wireTypes.bytes,
  5: wireTypes.varint,
  6: wireTypes.bytes,
  7: wireTypes.bytes,
  8: wireTypes.bytes,
  14: wireTypes.bytes,
  20: wireTypes.bytes,
  25: wireTypes.bytes,
  26: wireTypes.bytes,
};
const irVersion = 1;
const graph = 7;

/** Goes from field to field without looking into any: https://protobuf.dev/programming-guides/encoding/ */
const walk = (bytes: Uint8Array): Walked => {
  let at = 0;
  /** Undefined when the bytes end within it. */
  const varint = (): number | undefined => {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = bytes[at++];
      if (byte === undefined) return undefined;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) break;
    }
    return value;
  };
  const seen = new Set<number>();
  const walked = (end: Walked['end']): Walked => ({
    hasIrVersion: seen.has(irVersion),
    hasGraph: seen.has(graph),
    end,
  });
  while (at < bytes.length) {
    const tag = varint();
    if (tag === undefined) return walked({ missing: 1 });
    const field = Math.floor(tag / 8);
    if (fields[field] !== tag % 8) return walked('foreign');
    const value = varint();
    if (value === undefined) return walked({ missing: 1 });
    if (fields[field] === wireTypes.bytes) at += value;
    if (at > bytes.length) return walked({ missing: at - bytes.length });
    seen.add(field);
  }
  return walked('whole');
};
