/** What was typed, made ready for the library that parses it. */
import type { Definition } from 'clipanion';
import * as E from 'fp-ts/lib/Either.js';
import { nearest } from '../../core/index.js';

/** An option as the command defines it: `--start-year #0`, where `#0` is its value. */
type OptionDefinition = Pick<Definition['options'][number], 'definition' | 'description'>;

/** What a repeatable option's help says of it. */
const repeatable = /\(repeatable\)/;

/**
 * Binds each value to its option with `=`, for the library takes one that begins with a dash (`--start-year -500`) for an option. Fails with a sentence
 * when there is no such option, when one that takes no value is given one, and one that takes one is given two.
 */
export const bindValues = (
  args: ReadonlyArray<string>,
  options: ReadonlyArray<OptionDefinition>,
): E.Either<string, ReadonlyArray<string>> => {
  const known = new Map(options.map((option) => [option.definition.split(' ', 1).join(), option] as const));
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  const bound: string[] = [];
  const given = new Map<string, string>();
  for (let i = 0; i < end; i++) {
    const arg = args[i] ?? '';
    const [name = ''] = arg.split('=', 1);
    const option = known.get(name);
    if (option === undefined && name.startsWith('--')) {
      const near = nearest(name, known.keys());
      return E.left(`There is no option ${name}${near === undefined ? '.' : `; did you mean ${near}?`}`);
    }
    const takesValue = option?.definition.includes(' ') === true;
    const isBound = arg !== name;
    if (option !== undefined && isBound && !takesValue) return E.left(`${name} takes no value.`);
    const next = i + 1 < end ? args[i + 1] : undefined;
    if (option === undefined || !takesValue || (!isBound && (next === undefined || next.startsWith('--')))) {
      bound.push(arg);
      continue;
    }
    const value = isBound ? arg.slice(name.length + 1) : (next ?? '');
    const before = given.get(name);
    if (before !== undefined && before !== value && !repeatable.test(option.description ?? ''))
      return E.left(`${name} was given as "${before}" and as "${value}": give it once.`);
    given.set(name, value);
    bound.push(`${name}=${value}`);
    if (!isBound) i++;
  }
  return E.right([...bound, ...args.slice(end)]);
};
