// Scoring over HTTP against a bare Koa loop around ONNX Runtime, on the same model and the same bodies, 16 connections.
import { experimentFile, goldenRecords, registered, settings } from './games.mjs';
import { inPairs } from './measure.mjs';
import { requestsPerProcessorSecond, requestsPerSecond } from './requests.mjs';
import { startScorekeeper, startServer } from './server.mjs';

const experiment = 'rating/best_rating_model';
const folder = registered('rating', 'best_rating_model');

const { url: ours, child: ourProcess } = await startScorekeeper(['--local', folder, '--settings', settings]);
const { url: bare, child: bareProcess } = await startServer(process.execPath, [
  'bench/baselines/bare-koa.mjs',
  experimentFile(experiment, 'pipeline.onnx'),
]);

const bodyOf = (data) => JSON.stringify({ model_type: 'rating', model_name: 'bench', data });
const one = goldenRecords(experiment, 1);
const hundred = goldenRecords(experiment, 100);
const columns = Object.fromEntries(Object.keys(hundred[0]).map((name) => [name, hundred.map((row) => row[name])]));

for (const { what, ourData, bareData } of [
  { what: '1 row', ourData: one, bareData: one },
  { what: '100 rows as records', ourData: hundred, bareData: hundred },
  { what: '100 rows as columns against records', ourData: columns, bareData: hundred },
  { what: '100 rows as columns against columns', ourData: columns, bareData: columns },
]) {
  const sides = [
    [`${ours}/score`, bodyOf(ourData), ourProcess.pid],
    [bare, bodyOf(bareData), bareProcess.pid],
  ];
  const title = `POST /score, ${what}, against a bare Koa loop`;
  await inPairs(title, 'requests/s', 5, ...sides.map((side) => requestsPerSecond(...side)));
  await inPairs(title, 'requests/processor-s', 5, ...sides.map((side) => requestsPerProcessorSecond(...side)));
}
process.exit(0);
