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
  readonly #nesting: number[] = []; // Opening bytes, at most DEPTH_MAX.
  #braces = 0; // How many of them are braces.
  #beyond = 0; // Open brackets deeper than the stack.
  #inString = false;
  #escaped = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  begin(): void {
    this.#nesting.length = 0;
    this.#braces = 0;
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
    const nesting = this.#nesting;
    if (byte === COMMA) return nesting.length === 0;
    if (byte === BRACE || byte === BRACKET) {
      if (nesting.length === DEPTH_MAX) {
        this.#beyond += 1;
      } else {
        nesting.push(byte);
        if (byte === BRACE) this.#braces += 1;
      }
      return false;
    }
    if (byte !== BRACE_END && byte !== BRACKET_END) return false;
    if (this.#beyond > 0) {
      this.#beyond -= 1;
      return false;
    }
    // Looked for only when it is there, and all that is passed over is closed: so each byte costs the same.
    const isOpen = byte === BRACE_END ? this.#braces > 0 : nesting.length > this.#braces;
    if (!isOpen) return byte === BRACKET_END;
    for (let open = nesting.pop(); open !== undefined; open = nesting.pop()) {
      if (open === BRACE) this.#braces -= 1;
      if (open === byte - 2) break; // `}` and `]` are each two above their opening byte.
    }
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
