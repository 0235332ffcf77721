/** All models that a registry holds anything of, for what goes through the whole of it. */
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';
import { type ModelId, ModelName, ModelType } from '../model/names.js';
import type { ArtifactStore } from '../ports/artifact-store.js';
import type { CallOptions } from '../ports/host.js';
import { layout } from './layout.js';
import type { RegistryPorts } from './registry-ports.js';
import { listFolders } from './versions.js';

/** The models of a type, or the one that is named, or all: also one whose first registration was never finished. */
export const everyModel =
  ({ store }: RegistryPorts) =>
  (
    { model_type, model_name }: { readonly model_type?: string; readonly model_name?: string },
    call: CallOptions,
  ): TE.TaskEither<Failure, ReadonlyArray<ModelId>> =>
    model_type !== undefined && model_name !== undefined
      ? TE.right([{ modelType: model_type, name: model_name }])
      : pipe(
          model_type === undefined ? typesOf(store, call) : TE.right([model_type]),
          TE.chain(
            TE.traverseSeqArray((modelType) =>
              pipe(
                foldersOfBoth(store, layout.modelType(modelType), layout.statesOfType(modelType), call),
                TE.map((names) => names.filter(ModelName.is).map((name) => ({ modelType, name }))),
              ),
            ),
          ),
          TE.map((models) => models.flat()),
        );

const typesOf = (store: ArtifactStore, call: CallOptions): TE.TaskEither<Failure, ReadonlyArray<string>> =>
  pipe(
    foldersOfBoth(store, layout.registered, layout.registry, call),
    TE.map((types) => types.filter((type) => ModelType.is(type) && !layout.reserved.includes(type))),
  );

/** A model whose first version was never finished has no folder but that of its state. */
const foldersOfBoth = (
  store: ArtifactStore,
  one: string,
  other: string,
  call: CallOptions,
): TE.TaskEither<Failure, ReadonlyArray<string>> =>
  pipe(
    [one, other],
    TE.traverseArray((folder) => listFolders(store)(folder, call)),
    TE.map((folders) => [...new Set(folders.flat())].sort()),
  );
