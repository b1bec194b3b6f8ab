/**
 * A small fixed set of ASCII words, found from bytes without building a string. A word's bucket comes
 * from its length, first and last byte, so most words that are not in the set cost three reads.
 */
export class WordTable {
  readonly #heads = new Uint8Array(256); // First word of a bucket + 1, or 0 for none.
  readonly #next: Uint8Array;
  readonly #starts: Uint16Array;
  readonly #letters: Uint8Array;
  readonly #values: Int16Array;
  readonly #fold: number;

  /** At most 255 words, each with the value that `find` answers. With `foldCase`, A and a are the same. */
  constructor(words: readonly (readonly [string, number])[], options?: { foldCase?: boolean }) {
    this.#fold = options?.foldCase === true ? 0x20 : 0;
    this.#next = new Uint8Array(words.length);
    this.#starts = new Uint16Array(words.length + 1);
    this.#values = new Int16Array(words.length);
    const letters = Buffer.from(words.map(([word]) => word).join(""), "latin1");
    this.#letters = letters.map((letter) => letter | this.#fold);
    let at = 0;
    for (const [id, [word, value]] of words.entries()) {
      this.#starts[id] = at;
      this.#values[id] = value;
      at += word.length;
      this.#starts[id + 1] = at;
      const bucket = bucketOf(
        word.length,
        this.#letters[at - word.length] ?? 0,
        this.#letters[at - 1] ?? 0,
      );
      this.#next[id] = this.#heads[bucket] ?? 0;
      this.#heads[bucket] = id + 1;
    }
  }

  /** The value of the word in [start, end), or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length <= 0) return -1;
    const fold = this.#fold;
    const first = (bytes[start] ?? 0) | fold;
    const last = (bytes[end - 1] ?? 0) | fold;
    let entry = this.#heads[bucketOf(length, first, last)] ?? 0;
    while (entry !== 0) {
      const id = entry - 1;
      const wordStart = this.#starts[id] ?? 0;
      if ((this.#starts[id + 1] ?? 0) - wordStart === length) {
        let same = 0;
        while (
          same < length &&
          this.#letters[wordStart + same] === ((bytes[start + same] ?? 0) | fold)
        ) {
          same += 1;
        }
        if (same === length) return this.#values[id] ?? -1;
      }
      entry = this.#next[id] ?? 0;
    }
    return -1;
  }
}

function bucketOf(length: number, first: number, last: number): number {
  return (length * 3 + first * 7 + last * 29) & 255;
}
