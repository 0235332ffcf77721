/** This program's command lines as people paste them into a shell. */
export const shellCommand = (words: ReadonlyArray<string>): string => ['scorekeeper', ...words].map(quoted).join(' ');

const quoted = (word: string): string => (/^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
