/** The grammar of output locations: what every sink of files accepts and refuses alike. */
import * as E from 'fp-ts/lib/Either.js';
import { brief } from '../decode.js';
import { fail, type Failure } from '../failure.js';

export type OutputFormat = 'parquet' | 'csv' | 'ndjson';

const formats: Readonly<Record<string, OutputFormat>> = {
  parquet: 'parquet',
  csv: 'csv',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
};

/** What some file system would not take as a name, or a terminal not show as it is. */
const unfitName = /^\.|[\\:\p{C}]|^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/iu;

/** The location's names, from the root on, and its format. Fails `InvalidInput` when it could leave the root, or cannot be a file or a format. */
export const checkOutputLocation = (
  location: string,
): E.Either<Failure, { readonly segments: ReadonlyArray<string>; readonly format: OutputFormat }> => {
  const segments = location.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..' || /[\\\0]/.test(segment))) {
    return refuseOutput(
      location,
      'is not a relative path below the output root: names joined by "/", without ".." and "\\"',
    );
  }
  if (segments.some((segment) => unfitName.test(segment))) {
    return refuseOutput(
      location,
      'has a name that begins with a dot, holds a colon or a control character, or is a device',
    );
  }
  const format = formats[/\.([a-z]+)$/i.exec(location)?.[1]?.toLowerCase() ?? ''];
  return format === undefined
    ? refuseOutput(location, 'has no known extension: .parquet, .csv, .ndjson or .jsonl')
    : E.right({ segments, format });
};

/** `InvalidInput` in the words of every sink: what is wrong with the location. */
export const refuseOutput = (location: string, why: string): E.Either<Failure, never> =>
  fail('InvalidInput', `The output location "${brief(location)}" ${why}.`);

/** Why a sink refuses a place that is not for outputs. */
export const protectedPlace = 'would replace a file of a source, or stand among the registry’s own; choose another';
