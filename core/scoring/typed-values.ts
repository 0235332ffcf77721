/** Typed arrays of numbers as columns of inline rows: what programs have and JSON does not. */
import type { RawColumn } from './row-batch.js';

/** Any typed array, also one of another realm. */
export interface TypedValues extends Iterable<number | bigint>, ArrayBufferView {
  readonly length: number;
  readonly subarray: (begin: number, end: number) => TypedValues;
}

/** A DataView has no length. */
export const isTypedValues = (values: unknown): values is TypedValues =>
  ArrayBuffer.isView(values) && 'length' in values;

/** The values as they are where batches have columns of that type, else one by one. What other threads or realms share is copied. */
export const typedColumn = (values: TypedValues): RawColumn => {
  if (values.buffer instanceof ArrayBuffer) {
    if (values instanceof Float64Array) return { type: 'float64', values };
    if (values instanceof Float32Array) return { type: 'float32', values };
    if (values instanceof Int32Array) return { type: 'int32', values };
    if (values instanceof BigInt64Array) return { type: 'int64', values };
  }
  return { type: 'json', values: [...values] };
};
