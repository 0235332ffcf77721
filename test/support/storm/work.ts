/** The work of one process of a storm: it does what its parent tells it over a store, and tells how it went. */
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import { nodeHost } from '../../../adapters/node-host.js';
import { type ArtifactStore, type Failure, type ListedVersion, type Service } from '../../../core/index.js';
import { call, registryOver, request, right, writeExperiment } from '../registry.js';
import {
  type Answer,
  artifactOf,
  type Found,
  type Operation,
  type Outcome,
  type Reading,
  type Registering,
  sha256,
} from './operations.js';

/** No operation takes so long, unless something is stuck. */
const patienceMs = 60_000;

/** Does what it is told, one after the other, until its parent is gone. Says `ready` when it can begin. */
export const work = async (store: ArtifactStore): Promise<void> => {
  const registry = await registryOver(store);
  const perform = operate(store, registry.experiments, registry.another(store, {}, nodeHost()));
  process.on('message', (operation: Operation) => {
    const invokedAtNs = `${process.hrtime.bigint()}`;
    void perform(operation).then((outcome) => {
      const answer: Answer = { invokedAtNs, answeredAtNs: `${process.hrtime.bigint()}`, outcome };
      process.send?.(answer);
    });
  });
  process.on('disconnect', () => process.exit());
  process.send?.('ready');
};

const operate = (store: ArtifactStore, experiments: ArtifactStore, service: Service) => {
  const control = () => ({ deadlineMs: nodeHost().nowMs() + patienceMs });

  const register = async ({ model, label, key, alias }: Registering): Promise<Outcome> => {
    const experiment = `of_${label}`;
    const folder = `rating/${experiment}/v1`;
    if (O.isNone(await right(experiments.head(`models/experiments/${folder}/pipeline.onnx`, call)))) {
      await writeExperiment(experiments, { 'pipeline.onnx': artifactOf(label) }, folder);
    }
    const asked = request({
      name: model,
      experiment,
      description: label,
      ...(key === undefined ? {} : { idempotency_key: key }),
      ...(alias === undefined ? {} : { alias }),
    });
    const result = await service.register(asked, control())();
    if (E.isLeft(result)) return failed(result.left);
    const { registration, warnings } = result.right;
    return {
      kind: 'registered',
      version: registration.version,
      registrationId: registration.registration_id,
      hasAlias: alias !== undefined && warnings.length === 0,
    };
  };

  const read = async ({ model, alias, version }: Reading): Promise<Outcome> => {
    const asked = {
      model_type: 'rating',
      model_name: model,
      ...(alias === undefined ? {} : { alias }),
      ...(version === undefined ? {} : { version }),
    };
    const result = await service.info(asked, control())();
    if (E.isLeft(result)) return result.left.tag === 'NotFound' ? { kind: 'none' } : failed(result.left);
    const { registration } = result.right.info;
    if (!isWhole(registration)) return { kind: 'damaged', what: JSON.stringify(registration) };
    const artifactKey = `models/registered/rating/${model}/v${registration.version}/pipeline.onnx`;
    const artifact = await store.get(artifactKey, { ...call, ...control() })();
    if (E.isLeft(artifact)) return failed(artifact.left);
    if (O.isNone(artifact.right)) return { kind: 'damaged', what: `${artifactKey} is not there` };
    const found: Found = {
      version: registration.version,
      registrationId: registration.registration_id,
      label: registration.description,
      recordSha256: registration.artifact.sha256,
      artifactSha256: sha256(artifact.right.value.bytes),
    };
    return { kind: 'found', found };
  };

  return (operation: Operation): Promise<Outcome> =>
    operation.kind === 'register' ? register(operation) : read(operation);
};

const isWhole = (version: ListedVersion): version is Extract<ListedVersion, { readonly artifact: object }> =>
  version.status === 'registered';

const failed = ({ tag, message }: Failure): Outcome => ({ kind: 'failed', tag, message });

/** Does a little of everything in a store, so that a snapshot holds it compiled. */
export const warmUp = async (store: ArtifactStore): Promise<void> => {
  const registry = await registryOver(store);
  const perform = operate(store, registry.experiments, registry.another(store, {}, nodeHost()));
  for (const label of ['a', 'b', 'c']) {
    await perform({ kind: 'register', model: 'hot', label, key: label, alias: 'champion' });
    await perform({ kind: 'read', model: 'hot' });
  }
};
