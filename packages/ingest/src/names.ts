import { createHash } from "node:crypto";

/** A service or environment name is at most this many bytes of UTF-8; a longer one is clipped with a hash. */
export const NAME_BYTES_MAX = 200;

const HASH_DIGITS = 12;

/**
 * A name as Tracer keeps and shows it: control, bidirectional and zero-width characters, line separators
 * and lone surrogates become U+FFFD; a name over `NAME_BYTES_MAX` bytes keeps its beginning and ends in
 * `~` and twelve hex digits of its SHA-256, so that long names that differ stay different. A name of
 * nothing but white space becomes one U+FFFD.
 */
export function cleanName(name: string): string {
  const clean = name.toWellFormed().replace(HIDDEN, "\uFFFD");
  const bytes = Buffer.from(clean);
  if (bytes.length <= NAME_BYTES_MAX) return clean !== "" && clean.trim() === "" ? "\uFFFD" : clean;
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, HASH_DIGITS);
  let cut = NAME_BYTES_MAX - HASH_DIGITS - 1;
  while (((bytes[cut] ?? 0) & 0xc0) === 0x80) cut -= 1;
  return `${bytes.toString("utf8", 0, cut)}~${hash}`;
}

// Controls (C0, DEL, C1), formats (zero-width, bidirectional, tags, soft hyphen, BOM), line and paragraph
// separators: what a reader cannot see, or what changes how the rest is shown.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
