// Scoring over HTTP against a bare Koa loop around ONNX Runtime, on the same model and the same bodies, 16 connections.
import { experimentFile, goldenRecords, registered, settings } from './games.mjs';
import { inPairs } from './measure.mjs';
import { requestsPerSecond } from './requests.mjs';
import { startScorekeeper, startServer } from './server.mjs';

const experiment = 'rating/best_rating_model';
const folder = registered('rating', 'best_rating_model');

const { url: ours } = await startScorekeeper(['--local', folder, '--settings', settings]);
const { url: bare } = await startServer(process.execPath, [
  'bench/baselines/bare-koa.mjs',
  experimentFile(experiment, 'pipeline.onnx'),
]);

for (const count of [1, 100]) {
  const body = JSON.stringify({ model_type: 'rating', model_name: 'bench', data: goldenRecords(experiment, count) });
  await inPairs(
    `POST /score, ${count} row${count === 1 ? '' : 's'}, against a bare Koa loop`,
    'requests/s',
    5,
    requestsPerSecond(`${ours}/score`, body),
    requestsPerSecond(bare, body),
  );
}
process.exit(0);
