/** Aliases and where they were, told to people. */
import type { AliasHistory, AliasMoved } from '../../core/index.js';
import { plain, table } from './table.js';

/** Where an alias is, and where it was. */
export const tellMoved = ({ model_type, name, alias, version, from }: AliasMoved): string => {
  const model = `${model_type}/${name}`;
  if (from === version) return `The alias ${alias} of ${model} was on version ${version} already.`;
  return `The alias ${alias} of ${model} is on version ${version}${from === null ? '' : `, and was on version ${from}`}.`;
};

/** One move a line. */
export const renderHistory = ({ model_type, name, moves }: AliasHistory, width: number): string =>
  moves.length === 0
    ? `${model_type}/${name} has no aliases.`
    : table(
        ['when', 'alias', 'how', 'from', 'to', 'by'],
        moves.map(({ at, alias, how, from, to, by }) => [
          at,
          alias,
          how,
          from === null ? '' : `${from}`,
          `${to}`,
          plain(by),
        ]),
        { right: [3, 4], width, yielding: [1, 5] },
      );
