/** Predictions as CSV (RFC 4180): a header, then a line a row; what is missing is an empty field, and text without a character is quoted. */
import { stringify, type Options } from 'csv-stringify/sync';
import { jsonText, jsonValueAt, type PredictionEncoder } from '../../core/index.js';

const options: Options = {
  record_delimiter: 'windows',
  // Readers take either for the end of a record, whatever it is here.
  quoted_match: /[\r\n]/,
  cast: { string: (value) => (value === '' ? { value, quoted_empty: true } : value) },
};

export const csvEncoder: PredictionEncoder = {
  begin: (columns) => stringify([columns.map(({ name }) => name)], options),
  encode: ({ rowCount, columns }) => {
    const rows = Array.from({ length: rowCount }, (_, row) =>
      Array.from(columns.values(), (column) => {
        const value = jsonValueAt(column, row);
        return value === null ? undefined : jsonText(value);
      }),
    );
    return stringify(rows, options);
  },
  end: () => '',
};
