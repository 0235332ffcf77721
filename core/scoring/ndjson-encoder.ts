/** Predictions as NDJSON: a line a row, its values as in a JSON answer. */
import type { PredictionEncoder } from '../ports/prediction-stream.js';
import { jsonValueAt } from './json-rows.js';

export const ndjsonEncoder: PredictionEncoder = {
  begin: () => '',
  encode: ({ rowCount, columns }) => {
    const members = Array.from(columns, ([name, column], i) => ({
      head: `${i === 0 ? '{' : ','}${JSON.stringify(name)}:`,
      column,
    }));
    let lines = '';
    for (let row = 0; row < rowCount; row++) {
      for (const { head, column } of members) lines += head + JSON.stringify(jsonValueAt(column, row));
      lines += '}\n';
    }
    return lines;
  },
  end: () => '',
};
