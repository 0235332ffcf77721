// The demo: registers a real model in a local folder, scores a real table to Parquet, and says what to try next.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = 'examples/games';
const registry = 'demo';

/** Runs one command of Scorekeeper as a person would type it, and stops the demo when it fails. */
const scorekeeper = (...words) => {
  const shown = words.map((word) => (/[^\w./=@-]/.test(word) ? `"${word}"` : word)).join(' ');
  console.log(`\n$ npx scorekeeper ${shown}`);
  const { status } = spawnSync(process.execPath, ['dist/apps/cli/main.js', ...words], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
};

const common = ['--settings', `${folder}/scorekeeper.json`, '--local', registry];

scorekeeper(
  ...['register', '--model-type', 'rating', '--experiment', 'best_rating_model'],
  ...['--name', 'production_rating_model', '--description', 'Production model for game ratings'],
  ...['--experiments', `${folder}/models/experiments`, '--idempotency-key', 'demo', ...common],
);
scorekeeper(
  ...['score', 'rating/production_rating_model', '--start-year', '2020', '--end-year', '2025'],
  ...['--output', `${registry}/predictions/rating-2020-2025.parquet`, ...common],
);

console.log(`
Next:
  npx scorekeeper models show rating/production_rating_model --local ${registry}
  npx scorekeeper experiments --experiments ${folder}/models/experiments
  npx scorekeeper register --model-type hurdle --experiment best_hurdle_model --name production_hurdle_model \\
    --experiments ${folder}/models/experiments --local ${registry}
  npx scorekeeper serve ${common.join(' ')}
  curl -s localhost:8080/score -H 'content-type: application/json' \\
    -d '{"model_type": "rating", "model_name": "production_rating_model", "start_year": 2024, "end_year": 2024}'`);
