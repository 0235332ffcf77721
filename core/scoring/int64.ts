/** 64-bit integers from and to doubles, word by word, without a bigint for each. All machines that Node is built for store the lower word first. */

/** What `Number` makes of each: the upper word is exact in a double, and adding the lower one rounds once. */
export const numbersOf = ({ buffer, byteOffset, length }: BigInt64Array): Float64Array => {
  const words = new Int32Array(buffer, byteOffset, length * 2);
  const numbers = new Float64Array(length);
  for (let i = 0; i < length; i++) numbers[i] = (words[2 * i + 1] ?? 0) * 2 ** 32 + ((words[2 * i] ?? 0) >>> 0);
  return numbers;
};

/** What `BigInt` makes of each, which is a safe integer. */
export const integersOf = (numbers: ReadonlyArray<number>): BigInt64Array => {
  const words = new Int32Array(numbers.length * 2);
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i] ?? 0;
    words[2 * i] = number | 0;
    words[2 * i + 1] = Math.floor(number / 2 ** 32);
  }
  return new BigInt64Array(words.buffer);
};
