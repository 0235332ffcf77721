// Scoring over HTTP against FastAPI, pandas and scikit-learn serving the same pipeline, one process each, 16 connections. Needs Python 3.11 or
// newer: makes a virtual environment in bench/.venv the first time, which takes minutes.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { goldenRecords, registered, root, settings } from './games.mjs';
import { inPairs } from './measure.mjs';
import { requestsPerProcessorSecond, requestsPerSecond } from './requests.mjs';
import { startScorekeeper, startServer } from './server.mjs';

const python = join(root, 'bench/.venv/bin/python');
if (!existsSync(join(root, 'bench/.venv/lib'))) {
  const quietly = { stdio: ['ignore', 'ignore', 'inherit'] };
  execFileSync('python3', ['-m', 'venv', join(root, 'bench/.venv')], quietly);
  const requirements = join(root, 'bench/baselines/requirements.txt');
  execFileSync(python, ['-m', 'pip', 'install', '--disable-pip-version-check', '-r', requirements], quietly);
}

const folder = registered('rating', 'best_rating_model');
const { url: ours, child: ourProcess } = await startScorekeeper(['--local', folder, '--settings', settings]);
const { url: theirs, child: theirProcess } = await startServer(python, [
  join(root, 'bench/baselines/fastapi_server.py'),
]);

const bodyOf = (count) =>
  JSON.stringify({ model_type: 'rating', model_name: 'bench', data: goldenRecords('rating/best_rating_model', count) });

/** The same pipeline, so the same predictions. */
const predictions = async (url) => {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/score`, { method: 'POST', headers, body: bodyOf(100) });
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()).predictions.map(({ prediction }) => prediction);
};
const [a, b] = [await predictions(ours), await predictions(theirs)];
const furthest = Math.max(...a.map((value, row) => Math.abs(value - b[row]) / Math.max(1, Math.abs(b[row]))));
if (!(furthest < 1e-5)) throw new Error(`the two predict otherwise: by ${furthest}`);

for (const count of [1, 100]) {
  const title = `POST /score, ${count} row${count === 1 ? '' : 's'}, against FastAPI, pandas and scikit-learn`;
  const body = bodyOf(count);
  await inPairs(
    title,
    'requests/s',
    5,
    requestsPerSecond(`${ours}/score`, body),
    requestsPerSecond(`${theirs}/score`, body),
  );
  await inPairs(
    `${title}, in the server's own processor time`,
    'requests/s',
    5,
    requestsPerProcessorSecond(`${ours}/score`, body, ourProcess.pid),
    requestsPerProcessorSecond(`${theirs}/score`, body, theirProcess.pid),
  );
}
process.exit(0);
