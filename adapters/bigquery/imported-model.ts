/** A model that BigQuery ML reads from a bucket: imported when it is not there, and asked what it takes and gives. */
import { type CallOptions, type Failure, failure, type PredictingThere } from '../../core/index.js';
import { fieldsOf, orRaise, textOf } from '../google-cloud/errors.js';
import type { SourceColumn } from './columns.js';
import { runJob } from './jobs.js';
import type { Opened } from './pages.js';
import { createModel, everyOutput, type Prediction, refusalIn } from './predict-sql.js';
import { configurationOf, dryRun, type QueryPlace } from './query-job.js';
import type { Topic } from './warehouse.js';

/** The SQL is ours, so no place in it says anything. */
export const topicOf = (what: string, named: string, invalidQuery: Topic['invalidQuery']): Topic => ({
  what,
  named,
  invalidQuery,
  linesBefore: Number.POSITIVE_INFINITY,
});
const importing: Topic = {
  ...topicOf('the import of the model', 'the import of the model', 'InvalidInput'),
  apart:
    "The model's artifact and the dataset of the models are in different locations: have the registry's bucket, the dataset of the models (model_dataset) and the source in one",
};
export const preparing = topicOf('the dry run of a scoring', 'the scoring by the imported model', 'InvalidInput');

/** Has the model in `dataset`, `project.dataset`, and tells what its outputs are. Nothing is scored. */
export const importModel = async (
  { place, statement, columns, call }: Opened,
  predicting: PredictingThere,
  dataset: string,
): Promise<{ readonly prediction: Prediction; readonly outputs: ReadonlyArray<SourceColumn> }> => {
  const { modelName, artifact, provenance } = predicting;
  const model = `${dataset}.${modelName}`;
  const imported = { sql: createModel(model, artifact), parameters: {} };
  await runJob(place, importing, provenance.jobId, configurationOf(place, imported, {}), call);
  const arrayInputs = await arrayInputsOf(place, dataset, modelName, call);
  const prediction: Prediction = { ...predicting, statement, columns, model, arrayInputs };
  return { prediction, outputs: (await dryRun(place, everyOutput(prediction), call, preparing)).columns };
};

/** The inputs that BigQuery wants as arrays; where it does not tell, single values are tried. */
const arrayInputsOf = async (
  { ask }: QueryPlace,
  modelDataset: string,
  model: string,
  call: CallOptions,
): Promise<ReadonlySet<string>> => {
  const [project = '', dataset = ''] = modelDataset.split('.');
  const path = `/datasets/${dataset}/models/${model}`;
  const { featureColumns } = orRaise(await ask(importing, call, { method: 'GET', path, project }));
  const inputs = (Array.isArray(featureColumns) ? featureColumns : []).map(fieldsOf);
  return new Set(inputs.filter(({ type }) => fieldsOf(type)['typeKind'] === 'ARRAY').map(({ name }) => textOf(name)));
};

/** That a row does not fit the model, if that is what the message of a failed query says. */
export const misfitIn = (message: string): Failure | undefined => {
  const refused = refusalIn(message);
  return refused === undefined
    ? undefined
    : failure(
        'SignatureMismatch',
        `The data does not fit the model: ${refused}. Nothing was written. Correct the source's SQL, or give the feature a fill.`,
      );
};
