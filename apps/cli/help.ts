/** Help: what a command is for, examples, then its options. */
import type { Cli, Definition } from 'clipanion';
import type { Colors } from './base-command.js';

/** For the command that `words` (the words before the first option) begin with; for all of them when there is none. */
export const renderHelp = (cli: Cli, words: ReadonlyArray<string>, colors: Colors): string => {
  const definitions = cli.definitions();
  const asked = definitions
    .filter(({ path }) => path.split(' ').slice(1).every((word, i) => words[i] === word))
    .sort((a, b) => b.path.length - a.path.length)[0];
  return asked === undefined ? renderAll(cli, definitions, colors) : renderOne(asked, colors);
};

const renderAll = ({ binaryName, binaryVersion }: Cli, definitions: ReadonlyArray<Definition>, colors: Colors): string => {
  const firsts = definitions.flatMap(({ path, examples }) => (/ (?:register|score|serve)$/.test(path) ? (examples ?? []).slice(0, 1) : []));
  const width = Math.max(...definitions.map(({ path }) => path.length));
  return [
    `Scorekeeper ${binaryVersion}: registers trained models and scores new data with them.`,
    ...section('Examples', firsts.flatMap(renderExample), colors),
    ...section('Commands', definitions.map(({ path, description = '' }) => `${path.padEnd(width)}  ${description.trim()}`), colors),
    '',
    `${binaryName} COMMAND --help tells more.`,
  ].join('\n');
};

const renderOne = ({ usage, description = '', details = '', examples = [], options }: Definition, colors: Colors): string => {
  const told = options.map(renderOption);
  const width = Math.max(...told.map(([name]) => name.length));
  return [
    description.trim(),
    ...section('Examples', examples.flatMap(renderExample), colors),
    ...section('Usage', [`${usage} [options]`], colors),
    ...section('Options', told.map(([name, what]) => `${name.padEnd(width)}  ${what}`), colors),
    ...(details === '' ? [] : ['', details.trim().replaceAll(/ +$/gm, '')]),
  ].join('\n');
};

/** `--name #0` with the description `NAME: the model` as `--name NAME`, `the model`. */
const renderOption = ({ definition, description = '' }: Definition['options'][number]): readonly [string, string] => {
  const [, argument = '#0', what = description] = /^(\S+): (.*)$/s.exec(description) ?? [];
  return [definition.replace('#0', argument), what.trim()];
};

const renderExample = ([what, command]: readonly [string, string]): ReadonlyArray<string> => [`# ${what.trim()}`, command, ''];

const section = (title: string, lines: ReadonlyArray<string>, colors: Colors): ReadonlyArray<string> => [
  '',
  colors.bold(title),
  ...(lines.at(-1) === '' ? lines.slice(0, -1) : lines).map((line) => (line === '' ? '' : `  ${line}`)),
];
