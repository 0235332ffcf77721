/** Help: what a command is for, examples, then its options. */
import type { Cli, Definition } from 'clipanion';
import picocolors from 'picocolors';

const bold = picocolors.createColors(process.stdout.isTTY === true && !process.env['NO_COLOR']).bold;

/** Every command that is registered, and some first examples. */
export const renderAll = (cli: Cli): string => {
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
export const renderOne = (cli: Cli): string =>
  cli
    .definitions()
    .flatMap(({ usage, description = '', details = '', examples = [], options }) => [
      description.trim(),
      ...section('Examples', examples.flatMap(renderExample)),
      ...section('Usage', [`${usage} [options]`]),
      ...section('Options', columns(options.map(nameOption))),
      ...(details === '' ? [] : ['', details.trim().replaceAll(/ +$/gm, '')]),
    ])
    .join('\n');

/** `--name #0` with the description `NAME: the model` as `--name NAME`, `the model`. */
const nameOption = ({ definition, description = '' }: Definition['options'][number]): readonly [string, string] => {
  const [, argument = '#0', what = description] = /^(\S+): (.*)$/s.exec(description) ?? [];
  return [definition.replace('#0', argument), what.trim()];
};

const renderExample = ([what, command]: readonly [string, string]): ReadonlyArray<string> => [
  `# ${what.trim()}`,
  command,
  '',
];

const columns = (rows: ReadonlyArray<readonly [string, string]>): ReadonlyArray<string> => {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, what]) => `${name.padEnd(width)}  ${what}`);
};

const section = (title: string, lines: ReadonlyArray<string>): ReadonlyArray<string> => [
  '',
  bold(title),
  ...(lines.at(-1) === '' ? lines.slice(0, -1) : lines).map((line) => (line === '' ? '' : `  ${line}`)),
];
