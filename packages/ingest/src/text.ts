/** The text in [start, end) of UTF-8 bytes; bytes that are not UTF-8 become U+FFFD. Copies: it pins nothing. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8");
}

/**
 * The text of the inside of a JSON string (without its quotes) that was validated, escapes resolved.
 * Lone surrogates survive here and become U+FFFD when encoded.
 */
export function unescapedTextOf(bytes: Uint8Array, start: number, end: number): string {
  const text: unknown = JSON.parse(`"${textOf(bytes, start, end)}"`);
  return typeof text === "string" ? text : "";
}

/**
 * Where to cut [start, end) so that at most `bytesMax` stay, no UTF-8 sequence is halved and, when
 * `escaped`, no JSON escape is.
 */
export function clipEnd(
  bytes: Uint8Array,
  start: number,
  end: number,
  bytesMax: number,
  escaped: boolean,
): number {
  if (end - start <= bytesMax) return end;
  let cut = start + bytesMax;
  while (cut > start && ((bytes[cut] ?? 0) & 0xc0) === 0x80) cut -= 1;
  if (!escaped) return cut;
  // An escape is at most six bytes: look back for the backslash that opens one across the cut.
  for (let at = Math.max(start, cut - 5); at < cut; at += 1) {
    if (bytes[at] !== BACKSLASH || !opensEscape(bytes, start, at)) continue;
    const length = bytes[at + 1] === LOWER_U ? 6 : 2;
    if (at + length > cut) return at;
  }
  return cut;
}

const BACKSLASH = 0x5c;
const LOWER_U = 0x75;

/** A backslash opens an escape when the backslashes directly before it pair up. */
function opensEscape(bytes: Uint8Array, start: number, at: number): boolean {
  let before = at;
  while (before > start && bytes[before - 1] === BACKSLASH) before -= 1;
  return (at - before) % 2 === 0;
}
