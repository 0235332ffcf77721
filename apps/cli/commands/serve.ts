/** `serve`: the REST service. */
import { Option } from 'clipanion';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../../../core/index.js';
import { checkInBucket, openCloudRunJobs } from '../../cloud-run-jobs.js';
import type { HttpLogger, ScoringJobs } from '../../http/app.js';
import type { Primary } from '../../http/worker.js';
import type { Flags, Settings } from '../../settings.js';
import { BaseCommand, type Session } from '../base-command.js';
import { beforeServing } from '../before-serving.js';

/** Lines are written together: a write of its own for each costs as much as scoring a row. */
const logDelayMs = 100;

export class ServeCommand extends BaseCommand {
  static override paths = [['serve']];

  static override usage = {
    description:
      'Serves POST /score, GET /models, GET /model/{type}/{name}/info, GET /health, GET /ready and GET /metrics; GET /job/{job_id} where scoring_jobs says so.',
    examples: [
      ['On 127.0.0.1:8080', '$0 serve'],
      ['For every address, on another port', '$0 serve --host 0.0.0.0 --port 9000'],
      ['With a process for each processor', '$0 serve --workers auto'],
    ] satisfies Array<[string, string]>,
    details:
      'It does not start where it could never answer: with a file for the registry’s or the outputs’ folder, or a bucket that is not there or refuses it.\n\nSIGTERM and SIGINT stop it: it takes no more requests and finishes those it has within shutdown_grace_ms. Logs are JSON lines on stderr.',
  };

  port = Option.String('--port', {
    description: 'PORT: Listen on this port; 0 picks a free one (default: the variable PORT, else 8080)',
  });
  host = Option.String('--host', {
    description: 'HOST: Listen on this address (default: the variable HOST, else 127.0.0.1)',
  });

  workers = Option.String('--workers', {
    description: 'N: Serve with N processes on the one port, or with auto: one for each processor (default: 1)',
  });

  /** In a worker: the process that forked it, which tells people what there is to tell. */
  private primary: Primary | undefined;

  protected override flags(): Flags {
    return { ...super.flags(), port: this.port, host: this.host, workers: this.workers };
  }

  protected override sayRegistry(settings: Settings): void {
    if (this.primary === undefined) super.sayRegistry(settings);
  }

  /** Somebody else may make it while it serves. */
  protected override withoutFolder(): E.Either<Failure, void> {
    return E.right(undefined);
  }

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      TE.fromTask(primaryHere),
      TE.flatMap((primary) =>
        primary === undefined
          ? pipe(
              this.settings(),
              TE.flatMap((settings) => (settings.workers === 1 ? this.serve() : this.serveWithWorkers(settings))),
            )
          : this.serveFor(primary),
      ),
    );
  }

  /** In this process. */
  private serve(): TE.TaskEither<Failure, void> {
    return this.withService((session) =>
      pipe(
        beforeServing(session),
        TE.flatMap((warnings) =>
          this.listen(session, (url) =>
            this.primary === undefined ? this.sayListening(url, warnings) : this.primary.listening(url, warnings),
          ),
        ),
      ),
    );
  }

  private listen(session: Session, tell: (url: string) => void): TE.TaskEither<Failure, void> {
    const { service, settings } = session;
    const { primary } = this;
    return pipe(
      openJobs(session),
      TE.bindTo('jobs'),
      TE.bind('loaded', () =>
        TE.fromTask(() => Promise.all([import('../../http/main.js'), import('../../http/metrics.js'), openLogger()])),
      ),
      TE.flatMap(({ jobs, loaded: [{ startServer, serveUntilSignal }, { createMetrics }, logger] }) => {
        const metrics = createMetrics(service);
        return pipe(
          startServer({
            service,
            logger,
            metrics: primary === undefined ? metrics : primary.measuring(metrics),
            host: settings.host,
            port: settings.port,
            limits: httpLimits(settings),
            ...(jobs === undefined ? {} : { jobs }),
            graceMs: settings.limits.shutdown_grace_ms,
          }),
          TE.tapIO(
            ({ url }) =>
              () =>
                tell(url),
          ),
          TE.flatMapTask((server) => () => serveUntilSignal(server, async () => metrics.close(), primary?.stop)),
        );
      }),
      TE.asUnit,
    );
  }

  /** As a worker. */
  private serveFor(primary: Primary): TE.TaskEither<Failure, void> {
    this.primary = primary;
    return async () => {
      try {
        const served = await this.serve()();
        if (E.isLeft(served)) primary.failed(served.left);
      } finally {
        primary.leave();
      }
      return E.right(undefined);
    };
  }

  private serveWithWorkers(settings: Settings): TE.TaskEither<Failure, void> {
    const { host, port, workers, limits } = settings;
    // Every worker listens where this process was told to, also when the settings file is edited meanwhile.
    const argsFor = (on: number): ReadonlyArray<string> => [
      'serve',
      ...Object.entries({ ...this.flags(), host, port: `${on}`, workers: `${workers}` }).flatMap(([name, value]) =>
        value === undefined ? [] : [`--${name}=${value}`],
      ),
    ];
    this.sayRegistry(settings);
    return pipe(
      TE.fromTask(() => Promise.all([import('../../http/workers.js'), openLogger()])),
      TE.flatMap(([{ serveWithWorkers }, logger]) =>
        serveWithWorkers({
          count: workers,
          port,
          argsFor,
          graceMs: limits.shutdown_grace_ms,
          logger,
          onListening: (url, warnings) => this.sayListening(url, warnings),
        }),
      ),
    );
  }

  private sayListening(url: string, warnings: ReadonlyArray<string>): void {
    for (const warning of warnings) this.say(`warning: ${warning}`);
    if (this.json) this.printJson({ url });
    else this.say(`listening on ${url}`);
  }
}

/** Only a process that was forked has a line to another one. */
const primaryHere = async (): Promise<Primary | undefined> => {
  if (!process.connected) return undefined;
  const { isWorker, toPrimary } = await import('../../http/worker.js');
  return isWorker() ? toPrimary() : undefined;
};

/** Where scorings from a source to an output go, when the settings say elsewhere. Fails `InvalidInput` when nobody there could see what they need. */
const openJobs = ({ service, ports, settings }: Session): TE.TaskEither<Failure, ScoringJobs | undefined> =>
  settings.scoringJobs === 'here'
    ? TE.right(undefined)
    : pipe(
        TE.fromEither(checkInBucket(settings.outputRoot)),
        TE.flatMap(() => openCloudRunJobs(settings)),
        TE.flatMapTask((jobs) => async () => {
          const { scoringJobs } = await import('../../http/scoring-jobs.js');
          return scoringJobs(service, ports.sink, jobs);
        }),
      );

const openLogger = async (): Promise<HttpLogger> => {
  const { pino } = await import('pino');
  const logger: HttpLogger = pino(
    pino.destination({ dest: 2, sync: false, minLength: 8_192, periodicFlush: logDelayMs }),
  );
  return logger;
};

const httpLimits = ({ limits }: Settings) => ({
  bodyBytes: limits.body_bytes,
  spoolBytes: limits.spool_bytes,
  jsonDepth: limits.json_depth,
  requestTimeoutMs: limits.request_timeout_ms,
  concurrentRequests: limits.concurrent_requests,
});
