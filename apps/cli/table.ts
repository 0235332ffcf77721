/** Plain text for people: tables without lines, facts under one another, and both fitted to a terminal. */
import { stripVTControlCharacters } from 'node:util';
import Table from 'cli-table3';

/** How a table is laid out. */
export interface Layout {
  /** The columns of numbers, by place. */
  readonly right?: ReadonlyArray<number>;
  /** Characters that a line may have; as many as it takes when absent. */
  readonly width?: number;
  /** The columns that become narrower when a line has too little room, by place; all of them when absent. */
  readonly yielding?: ReadonlyArray<number>;
  /** What becomes of text that is too wide for its column: it goes on below itself (the default), or ends with `…`. */
  readonly tooWide?: 'wrap' | 'cut';
}

const gap = '  ';

/** No column is made narrower than this. */
const leastWidth = 8;

/** Rows under their heads, columns two spaces apart. */
export const table = (
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  { right = [], width = Number.POSITIVE_INFINITY, yielding = [...head.keys()], tooWide = 'wrap' }: Layout = {},
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
      middle: gap,
    },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  const natural = head.map((name, i) => Math.max(...[name, ...rows.map((row) => row[i] ?? '')].map(widthOf)));
  const widths = narrowed(natural, width, yielding);
  const fitted = (cell: string, most: number): string => {
    if (widthOf(cell) <= most) return cell;
    return tooWide === 'cut' ? `${cell.slice(0, most - 1)}…` : wrap(cell, most, 'break').join('\n');
  };
  drawn.push(...rows.map((row) => row.map((cell, i) => fitted(cell, widths[i] ?? Number.POSITIVE_INFINITY))));
  return drawn.toString().replaceAll(/ +$/gm, '');
};

/** A name and what is said of it on each line; what is too long for a line goes on below itself. */
export const renderFacts = (
  facts: ReadonlyArray<readonly [name: string, fact: string]>,
  width: number,
  drawName: (name: string) => string = (name) => name,
): string => {
  const indent = Math.max(...facts.map(([name]) => name.length)) + gap.length;
  return facts
    .map(([name, fact]) => `${drawName(name.padEnd(indent))}${hanging(fact, width - indent, indent)}`)
    .join('\n');
};

/** Text whose further lines are indented. */
export const hanging = (text: string, width: number, indent: number): string =>
  wrap(text, width, 'keep').join(`\n${' '.repeat(indent)}`);

/** Lines of at most `width` characters, broken at spaces; a word that is longer than a line is broken as well, or kept whole. */
export const wrap = (text: string, width: number, longWords: 'break' | 'keep'): ReadonlyArray<string> =>
  text.split('\n').flatMap((paragraph) => {
    const lines: string[] = [];
    let line: string | undefined;
    for (const word of paragraph.split(' ')) {
      if (line !== undefined && line.length + 1 + word.length <= width) {
        line += ` ${word}`;
        continue;
      }
      if (line !== undefined) lines.push(line);
      const pieces: ReadonlyArray<string> = longWords === 'break' ? broken(word, width) : [word];
      lines.push(...pieces.slice(0, -1));
      line = pieces.at(-1) ?? '';
    }
    return [...lines, line ?? ''];
  });

/** A word in pieces, the cuts after punctuation where there is some in the second half. */
const broken = (word: string, width: number): ReadonlyArray<string> => {
  const pieces: string[] = [];
  let rest = word;
  while (rest.length > width) {
    const mark = /^.*[,:/_@-]/.exec(rest.slice(0, width))?.[0].length ?? 0;
    const end = mark > width / 2 ? mark : width;
    pieces.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return [...pieces, rest];
};

const widthOf = (cell: string): number =>
  Math.max(...cell.split('\n').map((line) => stripVTControlCharacters(line).length));

/** The widest gives way first. */
const narrowed = (
  natural: ReadonlyArray<number>,
  width: number,
  yielding: ReadonlyArray<number>,
): ReadonlyArray<number> => {
  const widths = [...natural];
  let excess = widths.reduce((sum, each) => sum + each, 0) + gap.length * (widths.length - 1) - width;
  for (; excess > 0; excess--) {
    const widest = yielding.reduce((best, i) => ((widths[i] ?? 0) > (widths[best] ?? 0) ? i : best), yielding[0] ?? 0);
    if ((widths[widest] ?? 0) <= leastWidth) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
};

/** A whole number, its thousands apart. */
export const count = (n: number): string => n.toLocaleString('en-US');

/** What people wrote, without what a terminal would obey: control characters, line breaks among them, are spaces. */
export const plain = (text: string): string => text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ');
