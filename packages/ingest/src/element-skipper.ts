import { DEPTH_MAX } from "./json-walker.ts";

/** How a skip ended: at the `,` or `]` behind the element, in a string that a line feed breaks, or not yet. */
export type SkipOutcome = "element_end" | "broken_string" | "more";

/**
 * Finds the end of a broken array element by matching brackets and passing over strings, in slices. A
 * closing byte closes what was opened inside it and left open; a `]` that nothing in the element opened
 * ends the array. Deeper than `DEPTH_MAX`, brackets are only counted.
 */
export class ElementSkipper {
  position = 0;
  readonly #bytes: Uint8Array;
  readonly #nesting = new Uint8Array(DEPTH_MAX);
  #depth = 0;
  #beyond = 0; // Open brackets deeper than the stack.
  #inString = false;
  #escaped = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  begin(): void {
    this.#depth = 0;
    this.#beyond = 0;
    this.#inString = false;
    this.#escaped = false;
  }

  /** Skips from `from`, at most to `stop`; `position` is where it ended. */
  skip(from: number, stop: number): SkipOutcome {
    const bytes = this.#bytes;
    for (let at = from; at < stop; at += 1) {
      const byte = bytes[at] ?? 0;
      if (this.#inString) {
        if (byte === LINE_FEED) {
          this.position = at;
          return "broken_string";
        }
        if (this.#escaped) this.#escaped = false;
        else if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) this.#inString = false;
      } else if (byte === QUOTE) {
        this.#inString = true;
      } else if (this.#endsElement(byte)) {
        this.position = at;
        return "element_end";
      }
    }
    this.position = stop;
    return "more";
  }

  #endsElement(byte: number): boolean {
    if (byte === COMMA) return this.#depth === 0;
    if (byte === BRACE || byte === BRACKET) {
      if (this.#depth === this.#nesting.length) this.#beyond += 1;
      else this.#nesting[this.#depth++] = byte;
      return false;
    }
    if (byte !== BRACE_END && byte !== BRACKET_END) return false;
    if (this.#beyond > 0) {
      this.#beyond -= 1;
      return false;
    }
    const open = this.#nesting.lastIndexOf(byte - 2, this.#depth - 1);
    if (this.#depth > 0 && open >= 0) this.#depth = open;
    else if (byte === BRACKET_END) return true;
    return false;
  }
}

const LINE_FEED = 0x0a;
const QUOTE = 0x22;
const COMMA = 0x2c;
const BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const BRACKET_END = 0x5d;
const BRACE = 0x7b;
const BRACE_END = 0x7d;
