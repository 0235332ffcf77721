/** `serve`: the REST service. */
import { Option } from 'clipanion';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../../../core/index.js';
import type { Flags, Settings } from '../../settings.js';
import { BaseCommand, type Session } from '../base-command.js';
import { beforeServing } from '../before-serving.js';

/** Lines are written together: a write of its own for each costs as much as scoring a row. */
const logDelayMs = 100;

export class ServeCommand extends BaseCommand {
  static override paths = [['serve']];

  static override usage = {
    description: 'Serves POST /score, GET /models, GET /model/{type}/{name}/info, GET /health and GET /ready.',
    examples: [
      ['On 127.0.0.1:8080', '$0 serve'],
      ['For every address, on another port', '$0 serve --host 0.0.0.0 --port 9000'],
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

  protected override flags(): Flags {
    return { ...super.flags(), port: this.port, host: this.host };
  }

  perform(): TE.TaskEither<Failure, void> {
    return this.withService((session) =>
      pipe(
        beforeServing(session),
        TE.tapIO((warnings) => () => warnings.forEach((warning) => this.say(`warning: ${warning}`))),
        TE.flatMap(() => this.serve(session)),
      ),
    );
  }

  private serve({ service, settings }: Session): TE.TaskEither<Failure, void> {
    return pipe(
      TE.fromTask(() => Promise.all([import('../../http/main.js'), import('pino')])),
      TE.flatMap(([{ startServer, serveUntilSignal }, { pino }]) =>
        pipe(
          startServer({
            service,
            logger: pino(pino.destination({ dest: 2, sync: false, minLength: 8_192, periodicFlush: logDelayMs })),
            host: settings.host,
            port: settings.port,
            limits: httpLimits(settings),
            graceMs: settings.limits.shutdown_grace_ms,
          }),
          TE.tapIO(
            (server) => () =>
              this.json ? this.printJson({ url: server.url }) : this.say(`listening on ${server.url}`),
          ),
          TE.flatMapTask((server) => () => serveUntilSignal(server, async () => undefined)),
        ),
      ),
      TE.asUnit,
    );
  }
}

const httpLimits = ({ limits }: Settings) => ({
  bodyBytes: limits.body_bytes,
  jsonDepth: limits.json_depth,
  requestTimeoutMs: limits.request_timeout_ms,
  concurrentRequests: limits.concurrent_requests,
});
