/** What `--json` prints of a failure. */
import type { Failure } from '../../core/index.js';
import { failureTable } from '../failure-table.js';

/** What a problem document over REST says of a failure, and of a metrics gate every check. */
export const problemOf = ({ tag, message, problems, problemTotal, checks }: Failure): object => ({
  code: tag,
  title: failureTable[tag].title,
  detail: message,
  errors: problems,
  ...(problemTotal > problems.length ? { errors_total: problemTotal } : {}),
  ...(checks === undefined ? {} : { validation_report: checks }),
});
