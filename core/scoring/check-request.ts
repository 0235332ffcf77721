/** Refuses score requests whose fields contradict each other, or what came with them. */
import * as E from 'fp-ts/lib/Either.js';
import { brief } from '../decode.js';
import { type Failure, failureOf } from '../failure.js';
import type { ScoreRequest } from './score-request.js';

/** What came with the request. */
interface Beside {
  readonly rows?: unknown;
  readonly into?: unknown;
}

/** What no codec of single fields sees. Fails `InvalidInput`. */
export const checkRequest = (
  { start_year, end_year, data_source, data, output_location }: ScoreRequest,
  { rows, into }: Beside,
): E.Either<Failure, void> => {
  const refuse = (pointer: string, message: string): E.Either<Failure, never> =>
    E.left(failureOf('InvalidInput', message, [{ pointer, detail: message }]));
  if (start_year !== undefined && end_year !== undefined && start_year > end_year) {
    return refuse('/start_year', `The start year ${start_year} is after the end year ${end_year}: swap them.`);
  }
  if (data !== undefined && rows !== undefined) {
    return refuse('/data', 'The rows came by themselves, and data was sent, too: send them once.');
  }
  const isSent = data !== undefined || rows !== undefined;
  if (isSent && data_source !== undefined && data_source !== 'inline') {
    return refuse(
      '/data_source',
      `data was sent together with the data_source "${brief(data_source)}": send one of them.`,
    );
  }
  if (!isSent && data_source === 'inline') {
    return refuse(
      '/data',
      'The data source is "inline" and there is no data: send the rows as data (predict reads them on stdin).',
    );
  }
  if (isSent && (start_year !== undefined || end_year !== undefined)) {
    return refuse(
      start_year === undefined ? '/end_year' : '/start_year',
      'start_year and end_year choose rows of a source, and the rows were sent as data: leave the years out.',
    );
  }
  if (into !== undefined && output_location !== undefined) {
    return refuse(
      '/output_location',
      'The predictions go into a streamed answer or to an output_location, not both: leave it out, or accept JSON.',
    );
  }
  return E.right(undefined);
};
