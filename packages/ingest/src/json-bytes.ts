/** White space within a line. */
export function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}

/** White space of JSON. */
export function isSpace(byte: number): boolean {
  return byte === 0x0a || isBlank(byte);
}

/** Where the white space that may be at `from` ends, at most `stop`. */
export function spaceEnd(bytes: Uint8Array, from: number, stop: number): number {
  let at = from;
  while (at < stop && isSpace(bytes[at] ?? 0)) at += 1;
  return at;
}

/** Whether a byte can begin a JSON value that is not an object: `"`, `-`, a digit, `[`, `t`, `f`, `n`. */
export function startsValue(byte: number): boolean {
  if (byte >= 0x30 && byte <= 0x39) return true;
  return [0x22, 0x2d, 0x5b, 0x74, 0x66, 0x6e].includes(byte);
}
