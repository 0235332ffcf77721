/** The fake's models: imported from files that it was told of, and found again. It predicts nothing. */
import { type Answer, json, refusal } from '../fake-gcs/answers.js';
import type { Refusal } from './golden.js';

/** What a file holds, or why it cannot be imported. */
export type FakeModel =
  | { readonly inputs: Readonly<Record<string, 'FLOAT64' | 'INT64' | 'STRING' | 'BOOL' | 'ARRAY'>> }
  | { readonly refusal: Refusal };

export interface Models {
  /** By address. */
  readonly files: Map<string, FakeModel>;
  /** By `project.dataset.model`. */
  readonly imported: Map<string, FakeModel>;
}

/** Undefined when the statement imports nothing. */
export const importModel = (
  { files, imported }: Models,
  statement: string,
): { readonly refusal: Refusal | undefined } | undefined => {
  const [, model, address = ''] =
    /^CREATE MODEL IF NOT EXISTS `([\w-]+\.\w+\.\w+)` OPTIONS\(MODEL_TYPE = "ONNX", MODEL_PATH = "(gs:\/\/[^"]+)"\)$/.exec(
      statement,
    ) ?? [];
  if (model === undefined) return undefined;
  const file = files.get(address);
  if (file === undefined) return { refusal: { status: 404, reason: 'notFound', message: `Not found: URI ${address}` } };
  if ('refusal' in file) return { refusal: file.refusal };
  if (!imported.has(model)) imported.set(model, file);
  return { refusal: undefined };
};

/** Undefined when the statement predicts by no model, or by one that is there. */
export const whyNotPredicted = ({ imported }: Models, statement: string): Refusal | undefined => {
  const model = /ML\.PREDICT\(MODEL `([^`]+)`/.exec(statement)?.[1];
  return model === undefined || imported.has(model)
    ? undefined
    : { status: 404, reason: 'notFound', message: `Not found: Model ${model.replace('.', ':')}` };
};

/** https://cloud.google.com/bigquery/docs/reference/rest/v2/models/get */
export const modelOf = (
  { imported }: Models,
  { project, id }: { readonly project: string; readonly id: string },
): Answer => {
  const model = imported.get(`${project}.${id}`);
  if (model === undefined || 'refusal' in model) return refusal(404, 'notFound', `Not found: Model ${project}:${id}`);
  const featureColumns = Object.entries(model.inputs).map(([name, kind]) => ({
    name,
    type: kind === 'ARRAY' ? { typeKind: kind, arrayElementType: { typeKind: 'FLOAT64' } } : { typeKind: kind },
  }));
  return json({ modelType: 'ONNX', featureColumns });
};
