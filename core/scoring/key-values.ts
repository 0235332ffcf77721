/** Which values a key may have that came inline: those that JSON carries, since answers and files give them back. */

/** What is wrong with a value, and what to do about it. */
export interface KeyFault {
  readonly detail: string;
  readonly cure: string;
}

/** Undefined for what is as it should be. In place of an integer that a double does not hold JSON gives the nearest. */
export const keyFault = (value: unknown): KeyFault | undefined => {
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return {
      detail: 'an integer beyond ±2^53, which JSON numbers do not carry to the last digit',
      cure: 'send its digits as text',
    };
  }
  const alien = typeof value === 'bigint' ? undefined : alienIn(value, 0);
  if (alien === undefined) return undefined;
  return { detail: `${alien}, which JSON does not hold`, cure: 'send text, a number, a boolean or null' };
};

/** Deeper than any request may nest; what holds itself has no end. */
const mostNesting = 1_000;

/** What JSON does not hold, in words: the value, or the first such thing in it. */
const alienIn = (value: unknown, depth: number): string | undefined => {
  switch (typeof value) {
    case 'bigint':
      return 'a bigint in an object or array';
    case 'symbol':
    case 'function':
      return `a ${typeof value}`;
    case 'object':
      break;
    default:
      return undefined;
  }
  if (value === null) return undefined;
  if (!Array.isArray(value) && !isPlain(value)) return `an object (${classOf(value)})`;
  if (depth === mostNesting) return 'something that nests too deeply';
  for (const member of Object.values(value)) {
    const alien = alienIn(member, depth + 1);
    if (alien !== undefined) return alien;
  }
  return undefined;
};

/** Also of another realm. */
const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
};

const classOf = ({ constructor }: object): string =>
  typeof constructor === 'function' ? constructor.name : 'of a class';
