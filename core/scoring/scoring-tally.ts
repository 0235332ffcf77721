/** What the scorings of a job's shards counted, so that it can be added up to one report. */
import * as t from 'io-ts';
import { DistributionState } from './distribution.js';

export const ScoringTally = t.readonly(
  t.type({
    /** By numeric prediction column. */
    distributions: t.readonly(t.record(t.string, DistributionState)),
    /** Values that features did not hold exactly, by feature. */
    lost: t.readonly(t.record(t.string, t.readonly(t.type({ inexact: t.number, infinite: t.number })))),
  }),
  'ScoringTally',
);
export type ScoringTally = t.TypeOf<typeof ScoringTally>;
