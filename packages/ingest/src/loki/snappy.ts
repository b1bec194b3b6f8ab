/** No operation makes more than 64 bytes of three: a block that claims more than this many times its own is none. */
const RATIO_MAX = 22;

/** The inflated length that a Snappy block claims, and where its first operation is; null: it is no such block. */
export function snappyHead(
  block: Uint8Array,
): { readonly length: number; readonly start: number } | null {
  let length = 0;
  for (let at = 0; at < 5 && at < block.length; at += 1) {
    const byte = block[at] ?? 0;
    length += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return length > block.length * RATIO_MAX ? null : { length, start: at + 1 };
  }
  return null;
}

/**
 * Inflates a Snappy block (not the framed format) in slices. Every operation is checked against both ends,
 * and the block must come to exactly the length that it claims.
 */
export class SnappyInflater {
  /** What was inflated so far, in a buffer of the claimed length. */
  readonly inflated: Buffer;
  readonly #block: Uint8Array;
  #at: number;
  #end = 0;

  /** Takes memory for `length` bytes at once: check it against a cap before. */
  constructor(block: Uint8Array, { length, start }: { length: number; start: number }) {
    this.#block = block;
    this.#at = start;
    this.inflated = Buffer.allocUnsafe(length);
  }

  /** Inflates about `bytesMax` more bytes. */
  advance(bytesMax: number): "more" | "done" | "broken" {
    const block = this.#block;
    const stop = this.#end + bytesMax;
    while (this.#at < block.length) {
      if (this.#end >= stop) return "more";
      const tag = block[this.#at] ?? 0;
      this.#at += 1;
      const good = (tag & 3) === 0 ? this.#literal(tag >> 2) : this.#copy(tag);
      if (!good) return "broken";
    }
    return this.#end === this.inflated.length ? "done" : "broken";
  }

  #literal(code: number): boolean {
    let length = code + 1;
    if (code >= 60) {
      const extra = code - 59;
      length = this.#integer(extra) + 1;
      this.#at += extra;
    }
    const end = this.#at + length;
    if (end > this.#block.length || this.#end + length > this.inflated.length) return false;
    this.inflated.set(this.#block.subarray(this.#at, end), this.#end);
    this.#at = end;
    this.#end += length;
    return true;
  }

  #copy(tag: number): boolean {
    const kind = tag & 3;
    const extra = kind === 3 ? 4 : kind;
    if (this.#at + extra > this.#block.length) return false;
    let offset = this.#integer(extra);
    let length = (tag >> 2) + 1;
    if (kind === 1) {
      offset += (tag >> 5) << 8;
      length = ((tag >> 2) & 7) + 4;
    }
    this.#at += extra;
    const { inflated } = this;
    let to = this.#end;
    if (offset === 0 || offset > to || to + length > inflated.length) return false;
    // A byte at a time: a copy may read what it has just written.
    for (const end = to + length; to < end; to += 1) inflated[to] = inflated[to - offset] ?? 0;
    this.#end = to;
    return true;
  }

  #integer(bytes: number): number {
    let value = 0;
    for (let place = 0; place < bytes; place += 1) {
      value += (this.#block[this.#at + place] ?? 0) * 2 ** (8 * place);
    }
    return value;
  }
}
