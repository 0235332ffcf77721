/** CRC-32C (Castagnoli, RFC 3720 appendix B.4), as base64 of its big-endian bytes, which is how the JSON API shows it. */

const table = Uint32Array.from({ length: 256 }, (_, i) => {
  let value = i;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ 0x82f63b78;
  return value;
});

export const crc32c = (bytes: Uint8Array): string => {
  let value = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) value = (value >>> 8) ^ (table[(value ^ (bytes[i] ?? 0)) & 0xff] ?? 0);
  const answer = Buffer.alloc(4);
  answer.writeUInt32BE((value ^ 0xffffffff) >>> 0);
  return answer.toString('base64');
};
