/** Plain tables of text: no lines, columns two spaces apart. */
import Table from 'cli-table3';

/** Rows under their heads. `right` names the columns of numbers, by place. */
export const table = (
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  right: ReadonlyArray<number> = [],
): string => {
  const drawn = new Table({
    head: [...head],
    colAligns: head.map((_, i) => (right.includes(i) ? 'right' : 'left')),
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '  ',
    },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  drawn.push(...rows.map((row) => [...row]));
  return drawn.toString().replaceAll(/ +$/gm, '');
};
