/** A scoring's answer, told to people: rows, distribution with a histogram, timings, where the file is. */
import type { Distribution, RefusedRow, ScoreAnswer } from '../../core/index.js';
import type { Colors } from './base-command.js';
import { count, renderFacts, table } from './table.js';

const barWidth = 40;

/** The report without the predictions, which are on stdout where they have no other place. */
export const renderReport = (answer: ScoreAnswer, colors: Colors, width: number): string => {
  const { model_details: model, scoring_parameters: asked, performance_diagnostics: did } = answer;
  const years = [asked.start_year ?? '…', asked.end_year ?? '…'].join(' to ');
  const facts: ReadonlyArray<readonly [string, string]> = [
    ['model', `${model.model_type}/${model.name}@${model.version}`],
    [
      'source',
      asked.start_year === null && asked.end_year === null ? asked.data_source : `${asked.data_source}, ${years}`,
    ],
    ['rows', `${count(did.total_scored)} scored of ${count(did.rows_read)} read, ${count(did.rows_refused)} refused`],
    [
      'time',
      Object.entries(did.timings_ms)
        .map(([step, ms]) => `${step} ${milliseconds(ms)}`)
        .join(', '),
    ],
    ['output', answer.output_location ?? 'stdout'],
    ...(answer.rejects_location ? [['refused rows', answer.rejects_location] as const] : []),
    ...did.warnings.map((warning) => ['warning', warning] as const),
  ];
  return [
    renderFacts(facts, width, colors.bold),
    ...Object.entries(did.prediction_distribution).map((entry) => `\n${renderDistribution(...entry, colors)}`),
    ...renderRefused(answer),
  ].join('\n');
};

const renderDistribution = (name: string, distribution: Distribution, colors: Colors): string => {
  const { mean, std, min, median, max, deciles, nulls, approximate } = distribution;
  if (mean === null) return `${colors.bold(name)}  no numbers${nulls > 0 ? ` (${count(nulls)} null)` : ''}`;
  const figures = [mean, std, min, deciles[0], median, deciles[8], max].map((value) => figure(value ?? null));
  const summary = table(
    ['', 'mean', 'std', 'min', '10 %', 'median', '90 %', 'max', 'null'],
    [[name, ...figures, count(nulls)]],
    { right: [1, 2, 3, 4, 5, 6, 7, 8] },
  );
  return `${summary}${approximate ? '\nquantiles and histogram are approximate' : ''}\n\n${renderHistogram(distribution, colors)}`;
};

/** Two bins to a line. */
const renderHistogram = ({ histogram: { edges, counts }, min, max }: Distribution, colors: Colors): string => {
  const everything = counts.reduce((sum, n) => sum + n, 0);
  const bins =
    min === max
      ? [{ from: min, to: max, n: everything }]
      : counts.flatMap((n, i) =>
          i % 2 === 0 ? [{ from: edges[i], to: edges[i + 2], n: n + (counts[i + 1] ?? 0) }] : [],
        );
  const most = Math.max(...bins.map(({ n }) => n));
  const rows = bins.map(({ from, to, n }) => [figure(from ?? null), figure(to ?? null), bar(n / most), count(n)]);
  return table(['from', 'to', '', 'rows'], rows, { right: [0, 1, 3] }).replaceAll(/[█-▏]+/g, (drawn) =>
    colors.cyan(drawn),
  );
};

/** Eighths of a character (U+2588 to U+258F); something that is there is never drawn as nothing. */
const bar = (share: number): string => {
  const eighths = share === 0 ? 0 : Math.max(1, Math.round(share * barWidth * 8));
  const rest = eighths % 8;
  return '█'.repeat(Math.floor(eighths / 8)) + (rest === 0 ? '' : String.fromCodePoint(0x2590 - rest));
};

const renderRefused = ({ refused = [], refused_total = 0 }: ScoreAnswer): ReadonlyArray<string> => {
  if (refused_total === 0) return [];
  const shown = refused.slice(0, 5).map((row) => `  ${tellRefused(row)}`);
  const rest = refused_total - shown.length;
  return ['\nrefused', ...shown, ...(rest > 0 ? [`  and ${count(rest)} more`] : [])];
};

/** A refused row with each of its problems, its number told once. */
export const tellRefused = ({ row, errors }: RefusedRow): string => {
  const place = `row ${row}, `;
  const details = errors.map(({ detail }) => (detail.startsWith(place) ? detail.slice(place.length) : detail));
  return `row ${row}: ${details.join('; ')}`;
};

const milliseconds = (ms: number): string =>
  ms < 10 ? `${ms.toFixed(1)} ms` : ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;

/** Four figures, with an exponent only where they could not be read without. */
const figure = (value: number | null): string => {
  if (value === null) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e9)) return value.toExponential(3);
  return size < 1000 ? value.toPrecision(4) : count(Math.round(value));
};
