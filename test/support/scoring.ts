/** Small parts that the tests of scoring share: features and columns by a few words, models in memory, and a service over them. */
import assert from 'node:assert/strict';
import * as E from 'fp-ts/lib/Either.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { artifactStoreExperimentSource } from '../../adapters/artifact-store/experiment-source.js';
import { lruCacheModelCache } from '../../adapters/lru-cache/model-cache.js';
import { memoryArtifactStore } from '../../adapters/memory/artifact-store.js';
import { memoryArtifact, memoryInferenceEngine, type MemoryModel } from '../../adapters/memory/inference-engine.js';
import { memoryPredictionSink } from '../../adapters/memory/prediction-sink.js';
import { nodeHost } from '../../adapters/node-host.js';
import {
  type BatchColumn,
  type CallOptions,
  type Cancellation,
  type Column,
  createService,
  type DataSource,
  type Failure,
  type FailureTag,
  type Fill,
  type Host,
  type ModelInfo,
  neverCancelled,
  type RowBatch,
  type Service,
  type ServicePorts,
  type ServiceSettings,
  type TensorSpec,
  type TensorType,
} from '../../core/index.js';
import { type Feature, signatureOf } from '../../core/model/signature.js';
import type { LoadedModel } from '../../core/ports/inference-engine.js';
import type { RawBatch } from '../../core/scoring/features.js';
import type { RawColumn } from '../../core/scoring/row-batch.js';
import { readRows } from '../../core/scoring/rows.js';
import { scoringModel, type ScoringModel } from '../../core/scoring/score.js';

/** For calls that may take as long as they like. */
export const unhurried: CallOptions = { deadlineMs: Number.POSITIVE_INFINITY, cancellation: neverCancelled };

export const rightOf = <A>(either: E.Either<Failure, A>): A => {
  if (E.isLeft(either)) {
    throw new assert.AssertionError({ message: `${either.left.tag}: ${either.left.message}` });
  }
  return either.right;
};

export const leftOf = (either: E.Either<Failure, unknown>, tag: FailureTag): Failure => {
  if (E.isRight(either)) throw new assert.AssertionError({ message: `expected ${tag}` });
  assert.equal(either.left.tag, tag, either.left.message);
  return either.left;
};

/** A cancellation that a test brings about. */
export const cancellable = (): Cancellation & { readonly abort: () => void } => {
  let aborted = false;
  return {
    get aborted() {
      return aborted;
    },
    onAbort: () => () => undefined,
    abort: () => {
      aborted = true;
    },
  };
};

/** A host whose clock stands still unless the test moves it. */
export const hostAt = (startMs: number): Host & { readonly pass: (ms: number) => void } => {
  let nowMs = startMs;
  return {
    ...nodeHost(),
    nowMs: () => nowMs,
    pass: (ms) => {
      nowMs += ms;
    },
  };
};

export const feature = (name: string, type: TensorType, fill: Fill | null = null): Feature => ({
  name,
  type,
  input: name,
  index: null,
  fill,
});

/** Values as JSON brings them. */
export const json = (...values: ReadonlyArray<unknown>): RawColumn => ({ type: 'json', values });

/** Values as a source brings them; null is missing. */
export const typed = (
  type: TensorType,
  ...values: ReadonlyArray<number | bigint | boolean | string | null>
): BatchColumn => {
  const missing = values.some((value) => value === null)
    ? { missing: Uint8Array.from(values, (value) => (value === null ? 1 : 0)) }
    : {};
  const column = ((): Column => {
    switch (type) {
      case 'float32':
        return { type, values: Float32Array.from(values, Number) };
      case 'float64':
        return { type, values: Float64Array.from(values, Number) };
      case 'int32':
        return { type, values: Int32Array.from(values, Number) };
      case 'int64':
        return { type, values: BigInt64Array.from(values.map((value) => BigInt(value ?? 0))) };
      case 'bool':
        return { type, values: Uint8Array.from(values, Number) };
      case 'string':
        return { type, values: values.map((value) => `${value ?? ''}`) };
    }
  })();
  return { ...column, ...missing };
};

export const rawBatch = (columns: Readonly<Record<string, RawColumn>>, textual = false): RawBatch => ({
  rowCount: Object.values(columns)[0]?.values.length ?? 0,
  columns: new Map(Object.entries(columns)),
  textual,
});

export const rowBatch = (columns: Readonly<Record<string, BatchColumn>>): RowBatch => ({
  rowCount: Object.values(columns)[0]?.values.length ?? 0,
  columns: new Map(Object.entries(columns)),
});

/** An input or output. */
export const spec = (name: string, type: TensorType, ...shape: ReadonlyArray<number | null>): TensorSpec => ({
  name,
  type,
  shape: [null, ...shape],
});

const scores = (name: string): MemoryModel['outputs'][number] => ({
  spec: spec(name, 'float64', 1),
  holds: 'scores',
  classes: [],
});

/** prediction = 1 + 2 a + 3 b, of two inputs of one float32 column each. */
export const sumModel: MemoryModel = {
  inputs: [spec('a', 'float32', 1), spec('b', 'float32', 1)],
  outputs: [scores('variable')],
  intercepts: [1],
  weights: { a: [[2]], b: [[3]] },
};

/**
 * prediction = 0.5 + 2 a + 3 b + 5 n + 7 flag + 0.25 when s is "go", 100 when it is "chess": a matrix of two floats, an int64, a bool and a text.
 */
export const mixedModel: MemoryModel = {
  inputs: [spec('x', 'float32', 2), spec('n', 'int64', 1), spec('flag', 'bool', 1), spec('s', 'string', 1)],
  outputs: [scores('variable')],
  intercepts: [0.5],
  weights: { x: [[2], [3]], n: [[5]], flag: [[7]], s: { go: [0.25], chess: [100] } },
};

/** Loads the model into an engine of its own, called before each run with the rows that it gets. */
export const loadMemoryModel = async (
  model: MemoryModel,
  onRun: (rowCount: number) => void = () => undefined,
): Promise<LoadedModel> => {
  const engine = memoryInferenceEngine({ onRun: async (rowCount) => onRun(rowCount) });
  return rightOf(await engine.load(memoryArtifact(model), unhurried)());
};

/** The model with the signature that a registration would give it. */
export const scorable = (
  loaded: LoadedModel,
  { inputs, outputs }: MemoryModel,
  modelInfo: ModelInfo = {},
): { readonly model: ScoringModel; readonly features: ReadonlyArray<Feature> } => {
  const signature = rightOf(
    signatureOf(
      inputs,
      outputs.map((output) => output.spec),
      modelInfo,
    ),
  );
  return { model: scoringModel(loaded, signature, modelInfo.classes), features: signature.features };
};

/** A source of these batches, whole; a failure ends them. `onRead` is called before each is given out. */
export const sourceOf = (
  batches: ReadonlyArray<RowBatch | Failure>,
  options: {
    readonly keys?: ReadonlyArray<string>;
    readonly textual?: boolean;
    readonly columnNames?: ReadonlyArray<string>;
    readonly onRead?: () => void;
    readonly onClose?: () => void;
  } = {},
): DataSource => {
  const { keys = [], textual = false, onRead = () => undefined, onClose = () => undefined } = options;
  const [first] = batches;
  const columnNames =
    options.columnNames ?? (first !== undefined && 'columns' in first ? [...first.columns.keys()] : []);
  return {
    keys,
    open: () =>
      TE.right({
        columnNames,
        textual,
        countRows: TE.right(0),
        read: async function* (wanted) {
          for (const batch of batches) {
            onRead();
            if ('tag' in batch) yield E.left(batch);
            else {
              const columns = wanted.flatMap(({ name }) => {
                const column = batch.columns.get(name);
                return column === undefined ? [] : [[name, column] as const];
              });
              yield E.right({ rowCount: batch.rowCount, columns: new Map(columns) });
            }
          }
        },
        close: async () => onClose(),
      }),
  };
};

/** A service over memory in which `games/sums` version 1 is the model. */
export interface ScoringService {
  readonly service: Service;
  readonly ports: ServicePorts & { readonly sink: ReturnType<typeof memoryPredictionSink> };
  /** The rows of each run of the model so far, without the warm-up rows of loads. */
  readonly runs: ReadonlyArray<number>;
  /** How often the engine loaded an artifact. */
  readonly loads: () => number;
  /** Registers `model` as the next version. */
  readonly register: (model: MemoryModel, modelInfo?: ModelInfo, alias?: string) => Promise<void>;
}

export const scoringService = async (
  options: {
    readonly model?: MemoryModel;
    readonly modelInfo?: ModelInfo;
    readonly sources?: Readonly<Record<string, DataSource>>;
    readonly settings?: ServiceSettings;
    readonly ports?: Partial<ServicePorts>;
    readonly onRun?: (rowCount: number) => void;
  } = {},
): Promise<ScoringService> => {
  const runs: number[] = [];
  let loads = 0;
  let warmUps = 0;
  const memory = memoryInferenceEngine({
    onRun: async (rowCount) => {
      if (warmUps > 0) {
        warmUps--;
        return;
      }
      runs.push(rowCount);
      options.onRun?.(rowCount);
    },
  });
  const store = options.ports?.store ?? memoryArtifactStore();
  const ports = {
    host: nodeHost(),
    store,
    experiments: artifactStoreExperimentSource({ store, root: 'models/experiments' }),
    engine: {
      ...memory,
      load: (artifact: Uint8Array, call: CallOptions) => {
        loads++;
        warmUps++;
        return memory.load(artifact, call);
      },
    },
    cache: lruCacheModelCache({ limitBytes: 2 ** 20 }),
    sources: options.sources ?? {},
    ...options.ports,
    sink: memoryPredictionSink(),
  };
  const service = createService(
    options.ports?.sink === undefined ? ports : { ...ports, sink: options.ports.sink },
    options.settings,
  );
  let experimentVersion = 0;
  const put = async (file: string, bytes: Uint8Array): Promise<void> => {
    const key = `models/experiments/games/sums/v${experimentVersion}/${file}`;
    rightOf(await ports.store.put(key, bytes, { kind: 'absent' }, unhurried)());
  };
  const register = async (model: MemoryModel, modelInfo: ModelInfo = {}, alias?: string): Promise<void> => {
    experimentVersion++;
    await put('pipeline.onnx', memoryArtifact(model));
    await put('model_info.json', ports.host.utf8.encode(JSON.stringify(modelInfo)));
    const request = { model_type: 'games', experiment: 'sums', name: 'sums', skip_validation: true };
    rightOf(await service.register(alias === undefined ? request : { ...request, alias })());
  };
  await register(options.model ?? sumModel, options.modelInfo);
  return { service, ports, runs, loads: () => loads, register };
};

/** What every request to that service says. */
export const sums = { model_type: 'games', model_name: 'sums' } as const;

/** Rows as JSON carries them, whole. */
export const inlineBatch = (data: unknown, wanted: ReadonlyArray<string>): RawBatch => {
  const { rowCount, rows } = rightOf(readRows(data, wanted));
  return rows(0, rowCount);
};
