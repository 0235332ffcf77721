/** Writes the answer of a scoring as JSON; what it says of the model, most of the answer to a single row, is written once. */
import type { ScoreAnswer } from '../../core/index.js';

const written = new WeakMap<ScoreAnswer['model_details'], string>();

/** As `JSON.stringify` writes it, null for NaN and the infinities. */
export const scoreAnswerJson = ({ job_id, model_details, ...rest }: ScoreAnswer): string => {
  let details = written.get(model_details);
  if (details === undefined) {
    details = JSON.stringify(model_details);
    written.set(model_details, details);
  }
  return `{"job_id":${JSON.stringify(job_id)},"model_details":${details},${JSON.stringify(rest).slice(1)}`;
};
