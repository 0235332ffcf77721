/** What can be asked of scoring, and what it answers: the shapes of `POST /score`, the same in the library. */
import * as t from 'io-ts';
import { closed, guarded, integer } from '../decode.js';
import { AliasName, ModelName, ModelType, Version } from '../model/names.js';
import type { Problem } from '../failure.js';
import type { JsonObject } from '../model/sealed-document.js';
import type { Distribution } from './distribution.js';

/** A year that a parameter of 32 bits can carry. */
const Year = integer('Year', -9_999, 9_999);

/** Scores rows with one version of a model: the latest when neither version nor alias is named. */
export const ScoreRequest = guarded(
  closed(
    'ScoreRequest',
    { model_type: ModelType, model_name: ModelName },
    {
      model_version: Version,
      model_alias: AliasName,
      /** Both years are included; an absent side is open. */
      start_year: Year,
      end_year: Year,
      /** `query` (the model type's own source; the default without `data`), a source's name, or `inline` (the default with `data`). */
      data_source: t.string,
      /** Rows as records `[{…}]`, columns `{"a": […]}`, which may be typed arrays, or split `{"columns": […], "data": [[…]]}`. */
      data: t.unknown,
      /** A file for the predictions, below the output root. Without it they come inline. */
      output_location: t.string,
      /** What a row that does not fit the model does: it fails the request (the default), or is left out and told. */
      on_error: t.keyof({ fail: null, skip: null }),
    },
  ),
);
export type ScoreRequest = t.TypeOf<typeof ScoreRequest>;

/** A row that was left out, and why. `row` counts from 0. */
export interface RefusedRow {
  readonly row: number;
  readonly errors: ReadonlyArray<Problem>;
}

/** Durations in milliseconds. */
export interface Timings {
  readonly resolve: number;
  readonly load: number;
  readonly read: number;
  readonly score: number;
  readonly write: number;
  /** In turns of the event loop that were left to others, such as other requests. */
  readonly wait: number;
  readonly total: number;
}

/** The answer of a scoring. */
export interface ScoreAnswer {
  readonly job_id: string;
  readonly model_details: {
    readonly model_type: string;
    readonly name: string;
    readonly version: number;
    readonly description: string;
    readonly registered_at: string;
    readonly original_experiment: JsonObject;
    readonly model_info: JsonObject;
  };
  readonly scoring_parameters: {
    readonly model_type: string;
    readonly start_year: number | null;
    readonly end_year: number | null;
    readonly data_source: string;
  };
  readonly performance_diagnostics: {
    readonly rows_read: number;
    readonly total_scored: number;
    readonly rows_refused: number;
    /** By numeric prediction column. */
    readonly prediction_distribution: Readonly<Record<string, Distribution>>;
    readonly timings_ms: Timings;
    readonly warnings: ReadonlyArray<string>;
  };
  /** Where the predictions are, resolved; null when they are inline. */
  readonly output_location: string | null;
  /** One object per row: `row` (its position in the data), the keys, the prediction columns. Null with an output location, and where they were taken as they were made. */
  readonly predictions: ReadonlyArray<JsonObject> | null;
  /** With `on_error: "skip"`: the first 100 rows that were left out, and how many there were. */
  readonly refused?: ReadonlyArray<RefusedRow>;
  readonly refused_total?: number;
  /** With `on_error: "skip"` and an output location: where all refused rows are told; null when there are none. */
  readonly rejects_location?: string | null;
}

/** Told while a scoring runs. */
export interface ScoringProgress {
  readonly rowsScored: number;
  /** How many of them an earlier run of the job had scored. */
  readonly rowsFound?: number;
  /** Absent when the source cannot tell cheaply. */
  readonly rowTotal?: number;
}
