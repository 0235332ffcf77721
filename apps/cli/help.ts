/** Help: what a command is for, examples, then its options, in lines of 80 characters. */
import type { Cli, Definition } from 'clipanion';
import picocolors from 'picocolors';
import type { Context } from './base-command.js';
import { hanging, wrap } from './table.js';

const bold = picocolors.createColors(process.stdout.isTTY === true && !process.env['NO_COLOR']).bold;

const width = 80;
const indent = 2;

/** Every command that is registered, and some first examples. */
export const renderAll = (cli: Cli<Context>): string => {
  const definitions = cli.definitions();
  const first = definitions.flatMap(({ path, examples = [] }) =>
    / (?:register|score|serve)$/.test(path) ? examples.slice(0, 1) : [],
  );
  return [
    `Scorekeeper ${cli.binaryVersion}: registers trained models and scores new data with them.`,
    ...section('Examples', first.flatMap(renderExample)),
    ...section('Commands', columns(definitions.map(({ path, description = '' }) => [path, description.trim()]))),
    '',
    `${cli.binaryName} COMMAND --help tells more.`,
  ].join('\n');
};

/** The one command that is registered. */
export const renderOne = (cli: Cli<Context>): string =>
  cli
    .definitions()
    .flatMap(({ usage, description = '', details = '', examples = [], options }) => [
      ...wrap(description.trim(), width, 'keep'),
      ...section('Examples', examples.flatMap(renderExample)),
      ...section('Usage', [`${usage} [options]`]),
      ...section('Options', columns(options.map(nameOption))),
      ...(details === '' ? [] : ['', details.trim().replaceAll(/ +$/gm, '')]),
    ])
    .join('\n');

/** `--name #0` with the description `NAME: The model` as `--name NAME`, `The model`. */
const nameOption = ({ definition, description = '' }: Definition['options'][number]): readonly [string, string] => {
  const [, argument = '#0', what = description] = /^(\S+): (.*)$/s.exec(description) ?? [];
  return [definition.replace('#0', argument), what.trim()];
};

const renderExample = ([what, command]: readonly [string, string]): ReadonlyArray<string> => [
  ...wrap(what.trim(), width - indent - 2, 'keep').map((line) => `# ${line}`),
  ...continued(command),
  '',
];

/** A command in lines that a shell takes as one: never broken within quotes, nor between a flag and its value. */
const continued = (command: string): ReadonlyArray<string> => {
  const lines: string[] = [];
  for (const part of command.match(/(?:--\S+ )?(?:"[^"]*"|'[^']*'|(?!--)\S+)|--\S+/g) ?? []) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + part.length + 3 <= width - indent) lines[lines.length - 1] += ` ${part}`;
    else lines.push(line === undefined ? part : `    ${part}`);
  }
  return lines.map((line, i) => (i < lines.length - 1 ? `${line} \\` : line));
};

const columns = (rows: ReadonlyArray<readonly [string, string]>): ReadonlyArray<string> => {
  const nameWidth = Math.max(...rows.map(([name]) => name.length)) + 2;
  return rows.map(
    ([name, what]) => `${name.padEnd(nameWidth)}${hanging(what, width - indent - nameWidth, indent + nameWidth)}`,
  );
};

const section = (title: string, lines: ReadonlyArray<string>): ReadonlyArray<string> => [
  '',
  bold(title),
  ...(lines.at(-1) === '' ? lines.slice(0, -1) : lines).map((line) =>
    line === '' ? '' : `${' '.repeat(indent)}${line}`,
  ),
];
