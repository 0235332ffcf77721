// Baseline: DuckDB evaluates the formula of a linear model in SQL, on all cores, and writes the columns that a scoring job writes.
import { DuckDBInstance } from '@duckdb/node-api';

/** What scores `source` to `target`, Parquet both; `coefficients` by feature. */
export const duckdbFormula = async (source, target, coefficients, intercept) => {
  const duckdb = await (await DuckDBInstance.create(':memory:', { memory_limit: '1GiB' })).connect();
  const formula = Object.entries(coefficients).map(([feature, coefficient]) => `${coefficient} * ${feature}`);
  const provenance = [
    `'bench' AS model_type, 'linear' AS model_name, 1 AS model_version`,
    `'00000000-0000-4000-8000-000000000000' AS job_id, TIMESTAMPTZ '2026-01-01 00:00:00Z' AS scored_at`,
  ];
  const columns = ['row_id', `(${[...formula, intercept].join(' + ')})::FLOAT AS prediction`, ...provenance];
  return () =>
    duckdb.run(`COPY (SELECT ${columns} FROM '${source}') TO '${target}' (FORMAT parquet, COMPRESSION zstd)`);
};
