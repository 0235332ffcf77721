/** Processes of a job that nobody wants any more. */
import test from 'ava';
import { workWithProcesses } from '../../../apps/cli/job-processes.js';
import { cancellationSource } from '../../../core/index.js';
import { leftOf } from '../../support/scoring.js';

test('a job that was cancelled before its processes begin has none', async (t) => {
  const { cancellation, cancel } = cancellationSource();
  cancel();
  const options = { path: 'nowhere', count: 2, flags: [], onProgress: () => t.fail(), cancellation };
  t.is(leftOf(await workWithProcesses(options)(), 'Cancelled').message, 'The scoring was stopped.');
});
