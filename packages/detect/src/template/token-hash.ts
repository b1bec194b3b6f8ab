/** Hash of a token that may be anything, and of a value that was masked. No literal token has them. */
export const WILD = 0;
export const VALUE = 1;
export const OFFSET = 0x811c9dc5 | 0;

/** Adds a character, or another hash, to a hash. */
export function mix(hash: number, code: number): number {
  return Math.imul(hash ^ code, 0x01000193) ^ (hash >>> 15);
}

/** Hash of the first `length` tokens. */
export function hashOf(tokens: Int32Array, length: number): number {
  let hash = OFFSET ^ length;
  for (let at = 0; at < length; at += 1) hash = mix(hash, tokens[at] ?? 0);
  return hash;
}
