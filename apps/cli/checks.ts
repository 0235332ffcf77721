/** What `doctor` looks at: each part that a command may need, tried for real. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { duckdbDataSource } from '../../adapters/duckdb/data-source.js';
import {
  type CallOptions,
  type DataSource,
  type Failure,
  failure,
  keysOf,
  type PredictionSink,
} from '../../core/index.js';
import { absenceOf, checkOutputRoot, isBucketAddress, isWarehouseAddress } from '../places.js';
import type { Session } from './base-command.js';

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What was found, or what is wrong. */
  readonly detail: string;
}

/** A check before it is run; it succeeds with what it found. */
export interface Trial {
  readonly name: string;
  readonly found: TE.TaskEither<Failure, string>;
}

/** Runs one, and keeps the failure beside what is told of it. */
export const runTrial = async ({ name, found }: Trial): Promise<Check & { readonly failure?: Failure }> => {
  const outcome = await found();
  return E.isRight(outcome)
    ? { name, ok: true, detail: outcome.right }
    : { name, ok: false, detail: outcome.left.message, failure: outcome.left };
};

const timeoutMs = 30_000;

/** The oldest Node that everything here runs on. */
const oldest = { major: 20, minor: 19 };

export const nodeTrial: Trial = {
  name: 'node',
  found: async () => {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    return major > oldest.major || (major === oldest.major && minor >= oldest.minor)
      ? E.right(process.version)
      : E.left(
          failure('Unavailable', `This is Node ${process.version}: install ${oldest.major}.${oldest.minor} or newer.`),
        );
  },
};

/** Store, outputs, runtime, engine and every source of a composed service. */
export const partTrials = ({ service, ports, settings, cancellation }: Session): ReadonlyArray<Trial> => {
  const { host, store, engine, sources } = ports;
  const call: CallOptions = { deadlineMs: host.nowMs() + timeoutMs, cancellation };
  const probe = `doctor-${host.randomId()}`;
  return [
    {
      name: 'store',
      found: pipe(
        absenceOf(settings),
        TE.flatMap((absence) =>
          absence !== undefined
            ? // Writing would make it, and a name that was mistyped would be there from then on.
              TE.right(`${store.location} is not there yet: the first registration makes it`)
            : pipe(
                service.ready(call),
                TE.flatMap(() =>
                  store.put(probe, host.utf8.encode('A probe of scorekeeper doctor.'), { kind: 'absent' }, call),
                ),
                TE.flatMap(() => store.delete(probe, call)),
                TE.map(() => `${store.location} answers and can be written`),
              ),
        ),
      ),
    },
    {
      name: 'outputs',
      found: pipe(
        checkOutputRoot(settings.outputRoot),
        TE.flatMap(() =>
          isBucketAddress(settings.outputRoot)
            ? pipe(
                written(ports.sink, `${probe}.ndjson`, call),
                TE.map(() => `predictions go below ${settings.outputRoot}, which can be written`),
              )
            : TE.right(
                isWarehouseAddress(settings.outputRoot)
                  ? `predictions are loaded into tables of ${settings.outputRoot}. ${untried}`
                  : `predictions go below ${settings.outputRoot}`,
              ),
        ),
      ),
    },
    {
      name: 'runtime',
      found: pipe(
        engine.inspect(addsOne, [], call),
        TE.flatMap(() => engine.load(addsOne, call)),
        TE.flatMapTask((model) => model.release),
        TE.map(() => 'ONNX Runtime inspects and loads a model'),
      ),
    },
    {
      name: 'tables',
      found: pipe(
        opened({ keys: [], open: duckdbDataSource({ files: {}, sql: 'select 1 as one', keys: [] }).open }, call),
        TE.map(() => 'DuckDB answers'),
      ),
    },
    ...Object.entries(sources).map(([name, source]) => ({
      name: `source ${name}`,
      found: pipe(
        opened(source, call),
        TE.map((found) => (settings.sources[name]?.kind === 'bigquery' ? `${found} ${untried}` : found)),
      ),
    })),
  ];
};

const untried =
  "Scorekeeper's own tests, those of score --on bigquery too, run against a fake of BigQuery, and never ran against Google's.";

/** Puts an output there, and removes it. */
const written = (sink: PredictionSink, location: string, call: CallOptions): TE.TaskEither<Failure, void> => {
  const open = sink.open(location, { columns: [{ name: 'row', type: 'int64' }], constants: [] }, call);
  return pipe(
    open,
    TE.flatMap(({ commit }) => commit),
    TE.flatMap(() => open),
    TE.flatMap(({ clear }) => clear),
  );
};

const opened = (source: DataSource, call: CallOptions): TE.TaskEither<Failure, string> =>
  pipe(
    source.open({}, call),
    TE.flatMap((found) =>
      pipe(
        TE.fromTask(found.close),
        TE.flatMapEither(() => keysOf(source, found)),
        TE.map(() => [`${found.columnNames.length} columns`, ...(found.notes ?? [])].join('. ')),
      ),
    ),
  );

/** An ONNX model that adds one to float32 [N]. */
const addsOne = Uint8Array.from(
  atob(
    'CAgSC3Njb3Jla2VlcGVyOk8KEAoBeAoDb25lEgF5IgNBZGQSCHJhbmstb25lKg0QAUIDb25lSgQAAIA/WhAKAXgSCwoJCAESBQoDEgFOYhAKAXkSCwoJCAESBQoDEgFOQgQKABARQg4KCmFpLm9ubngubWwQAw==',
  ),
  (character) => character.charCodeAt(0),
);
