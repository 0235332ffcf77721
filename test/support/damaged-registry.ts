/** A registry in which every kind of object stands that Scorekeeper writes, and what it answers when one of them is damaged. */
import * as E from 'fp-ts/lib/Either.js';
import type { ArtifactStore, Failure, Service, VerifyReport } from '../../core/index.js';
import { memoryArtifact } from '../../adapters/memory/inference-engine.js';
import {
  call,
  contentOf,
  model,
  registerAll,
  registryOver,
  request,
  type RegistryUnderTest,
  right,
  writeExperiment,
} from './registry.js';
import { storeWithFault } from './store-faults.js';

/** What a stored object is to the registry. */
export type ObjectKind =
  | 'artifact'
  | 'registration'
  | 'tombstone'
  | 'intent'
  | 'unfinished intent'
  | 'model.json'
  | 'idempotency key'
  | 'staged artifact'
  /** In a folder: a state of model.json that a later one stands for. */
  | 'superseded state';

export interface PlacedObject {
  readonly name: string;
  readonly kind: ObjectKind;
  /** Of which model and version; none of a model's own documents. */
  readonly model?: string;
  readonly version?: number;
}

const key = 'build-1';
export const keyedRequest = request({
  idempotency_key: key,
  experiment_version: 11,
  description: 'keyed \u00e9 \ufffd \u{1f3b2} \u0007 \u001f',
});

/** Experiments whose models all predict something else, with numbers and words that a bit may change into their equals. */
export const registryWithExperiments = async (store: ArtifactStore): Promise<RegistryUnderTest> => {
  const registry = await registryOver(store);
  for (let version = 11; version <= 18; version++) {
    const files = {
      'pipeline.onnx': memoryArtifact({ ...model, intercepts: [version * 100] }),
      'test_metrics.json': { r2: 0.71, rmse: 0.30000000000000004, tiny: 1e-7, huge: 1e21 },
    };
    await writeExperiment(registry.experiments, files, `rating/best_rating_model/v${version}`);
  }
  return registry;
};

/**
 * `rating/prod` with versions 1 (keyed), 2 (champion), 3, 4 (archived), 5 (deleted) and 6 (never finished), `rating/other` with one, and
 * `rating/late` with one and another that a process died over.
 */
export const fillRegistry = async ({ store, service, another }: RegistryUnderTest): Promise<void> => {
  const prod = { model_type: 'rating', model_name: 'prod' };
  await right(service.register(keyedRequest));
  await registerAll(service, [
    ...[12, 13, 14, 15].map((experiment_version) => ({ experiment_version })),
    { name: 'other', experiment_version: 16, alias: 'champion' },
    { name: 'late', experiment_version: 17, alias: 'champion' },
  ]);
  await right(service.promote({ ...prod, model_version: 1, alias: 'champion' }));
  await right(service.promote({ ...prod, model_version: 2, alias: 'champion' }));
  await right(service.archive({ ...prod, model_version: 4, reason: 'drifts' }));
  await right(service.deleteVersion({ ...prod, model_version: 5, reason: 'leaked' }));
  const dying = another(storeWithFault(store, 'lost', 3, 'dead'));
  await dying.register(request({ experiment_version: 16 }))();
  for (const name of Object.keys(await contentOf(store, 'models/_registry/staging')))
    await right(store.delete(name, call));
  await right(service.verify({}));
  await another(storeWithFault(store, 'lost', 3, 'dead')).register(request({ name: 'late', experiment_version: 18 }))();
};

/** What `name` is, of all `names` that are there. */
export const placeOf = (name: string, names: ReadonlyArray<string>): PlacedObject => {
  const registered = /^models\/registered\/rating\/([a-z]+)\/v(\d+)\/(pipeline\.onnx|registration\.json)$/.exec(name);
  if (registered !== null) {
    const [, of = '', version, file] = registered;
    const isTombstone = of === 'prod' && version === '6';
    const kind = file === 'pipeline.onnx' ? 'artifact' : isTombstone ? 'tombstone' : 'registration';
    return { name, kind, model: of, version: Number(version) };
  }
  const intent = /^models\/_registry\/rating\/([a-z]+)\/intents\/v(\d+)\.json$/.exec(name);
  if (intent !== null) {
    const [, of = '', version] = intent;
    const kind = of === 'late' && version === '2' ? 'unfinished intent' : 'intent';
    return { name, kind, model: of, version: Number(version) };
  }
  const state = /^models\/_registry\/rating\/([a-z]+)\/(?:model\.json|\.model\.json\.generations\/(\d+))$/.exec(name);
  if (state !== null) {
    const [, of = '', generation = '1'] = state;
    const next = `models/_registry/rating/${of}/.model.json.generations/${Number(generation) + 1}`;
    return { name, kind: names.includes(next) ? 'superseded state' : 'model.json', model: of };
  }
  if (name.startsWith('models/_registry/keys/')) return { name, kind: 'idempotency key' };
  if (name.startsWith('models/_registry/staging/')) return { name, kind: 'staged artifact', model: 'late', version: 2 };
  throw new Error(`${name} is no object of a registry`);
};

/** A way to ask for a version, and the version that is meant. */
export interface Question {
  readonly name: string;
  readonly model: string;
  readonly version: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

export const questions: ReadonlyArray<Question> = [
  ...[1, 2, 3, 4, 5, 6].map((version) => ({
    name: `prod@${version}`,
    model: 'prod',
    version,
    fields: { model_version: version },
  })),
  { name: 'prod@champion', model: 'prod', version: 2, fields: { model_alias: 'champion' } },
  { name: 'prod', model: 'prod', version: 3, fields: {} },
  { name: 'other@champion', model: 'other', version: 1, fields: { model_alias: 'champion' } },
  { name: 'other', model: 'other', version: 1, fields: {} },
  { name: 'late@champion', model: 'late', version: 1, fields: { model_alias: 'champion' } },
  { name: 'late', model: 'late', version: 1, fields: {} },
];

export type Answers = Readonly<Record<string, string>>;

/** What each question is answered: what the model is and predicts, or the failure's tag. */
export const ask = async (service: Service, asked = questions): Promise<Answers> => {
  const answers: Record<string, string> = {};
  for (const { name, model: model_name, fields } of asked) {
    const scored = await service.score({
      model_type: 'rating',
      model_name,
      data: [{ age: 1, weight: 1 }],
      ...fields,
    })();
    answers[name] = E.isLeft(scored)
      ? scored.left.tag
      : JSON.stringify([scored.right.model_details, scored.right.predictions]);
  }
  return answers;
};

/** The tag of a failure, or `right`. */
export const tagOf = (result: E.Either<Failure, unknown>): string => (E.isLeft(result) ? result.left.tag : 'right');

/** Where the report finds something wrong. */
export const problemPlaces = ({ problems }: VerifyReport): ReadonlyArray<string> =>
  problems.map(({ name, version }) => (version === null ? name : `${name}@${version}`));
