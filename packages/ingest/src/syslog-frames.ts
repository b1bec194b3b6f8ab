/** Bytes of a syslog message that are kept; a longer one is clipped, and counted as such. */
export const SYSLOG_MESSAGE_BYTES_MAX = 64 * 1024;
/** A message that says it is longer than this is not believed: the stream cannot be read on. */
export const SYSLOG_OCTETS_MAX = 16 * 1024 * 1024;
/** Digits of a count. */
const COUNT_DIGITS_MAX = 8;

/** A message, in [start, end) of bytes that are good only until it returns. Never empty. */
export type TakeFrame = (bytes: Uint8Array, start: number, end: number) => void;

/**
 * Cuts the stream of one syslog connection into messages (RFC 6587). Its beginning tells how: `123 <13>…`
 * counts octets, anything else ends each message by a line feed or a NUL. Where a count is expected and
 * there is none, that message ends at the line's end. Holds at most a message of the longest kind.
 *
 * States: `unknown` → `lines` | `octets`, for good; within a message that was clipped: the rest is skipped.
 */
export class SyslogFramer {
  /** Messages that were longer than `SYSLOG_MESSAGE_BYTES_MAX`. */
  clipped = 0;
  /** True: the stream makes no sense any more, and nothing more is taken from it. */
  broken = false;
  #framing: "unknown" | "lines" | "octets" = "unknown";
  #skipOctets = 0;
  #skipLine = false;
  /** The message in hand is a line although counts are expected. */
  #strayLine = false;
  #held = Buffer.alloc(0);
  #heldEnd = 0;
  /** Bytes of what is held that hold no line end. */
  #searched = 0;
  /** The first NUL that was found ahead, or past the end. */
  #nul = -1;

  get heldBytes(): number {
    return this.#heldEnd;
  }

  /** Takes what came, and hands on each message that is complete. */
  push(chunk: Uint8Array, take: TakeFrame): void {
    if (this.broken) return;
    if (this.#heldEnd === 0) {
      this.#hold(chunk, this.#consume(chunk, chunk.length, take));
      return;
    }
    this.#append(chunk, 0);
    const bytes = this.#held;
    const at = this.#consume(bytes, this.#heldEnd, take);
    bytes.copyWithin(0, at, this.#heldEnd);
    this.#heldEnd -= at;
    if (this.#heldEnd === 0) this.#held = Buffer.alloc(0); // A quiet connection keeps no memory.
  }

  /** The stream has ended in order: what it ended with is a message, too. */
  end(take: TakeFrame): void {
    const start = this.#heldEnd > 0 && this.#framing === "octets" ? this.#countEnd() : 0;
    const end = Math.min(this.#heldEnd, start + SYSLOG_MESSAGE_BYTES_MAX);
    if (!this.broken && end > start) take(this.#held, start, end);
    this.#heldEnd = 0;
  }

  #countEnd(): number {
    if (this.#strayLine) return 0;
    const space = this.#held.indexOf(SPACE);
    return space < 0 || space >= this.#heldEnd ? this.#heldEnd : space + 1;
  }

  /** Where it got to: from there more bytes are needed. */
  #consume(bytes: Uint8Array, end: number, take: TakeFrame): number {
    let at = 0;
    let searched = this.#searched;
    this.#searched = 0;
    this.#nul = -1;
    while (at < end && !this.broken) {
      const next = this.#step(bytes, at, end, Math.max(at, searched), take);
      if (next < 0) return at;
      at = next;
      searched = 0;
    }
    return this.broken ? end : at;
  }

  /** One message, or what lies between two; where it ends, or -1: more bytes are needed. */
  #step(bytes: Uint8Array, at: number, end: number, from: number, take: TakeFrame): number {
    if (this.#skipOctets > 0) {
      const skipped = Math.min(this.#skipOctets, end - at);
      this.#skipOctets -= skipped;
      return at + skipped;
    }
    if (this.#skipLine) {
      const lineEnd = this.#endOfLine(bytes, at, end);
      this.#skipLine = lineEnd < 0;
      return lineEnd < 0 ? end : lineEnd + 1;
    }
    if (isBetween(bytes[at] ?? 0)) return at + 1;
    if (this.#framing === "lines" || this.#strayLine) return this.#line(bytes, at, end, from, take);
    const count = this.#count(bytes, at, end);
    if (count === "more") return -1;
    if (count !== null) return this.#octets(bytes, count, end, take);
    if (this.#framing === "unknown") this.#framing = "lines";
    else this.#strayLine = true;
    return this.#line(bytes, at, end, from, take);
  }

  #line(bytes: Uint8Array, at: number, end: number, from: number, take: TakeFrame): number {
    const lineEnd = this.#endOfLine(bytes, from, end);
    const messageEnd = lineEnd < 0 ? end : lineEnd;
    if (messageEnd - at > SYSLOG_MESSAGE_BYTES_MAX) {
      this.clipped += 1;
      this.#strayLine = false;
      this.#skipLine = lineEnd < 0;
      take(bytes, at, at + SYSLOG_MESSAGE_BYTES_MAX);
      return lineEnd < 0 ? end : lineEnd + 1;
    }
    if (lineEnd < 0) {
      this.#searched = end - at;
      return -1;
    }
    this.#strayLine = false;
    take(bytes, at, lineEnd);
    return lineEnd + 1;
  }

  /** The count that begins at `at`; null: there is none. */
  #count(bytes: Uint8Array, at: number, end: number): Count | "more" | null {
    let octets = 0;
    let digits = 0;
    while (at + digits < end && digits <= COUNT_DIGITS_MAX && isDigit(bytes[at + digits] ?? 0)) {
      octets = octets * 10 + (bytes[at + digits] ?? 0) - 0x30;
      digits += 1;
    }
    if (octets === 0 || digits > COUNT_DIGITS_MAX || bytes[at] === 0x30) return null;
    const start = at + digits + 1;
    if (at + digits < end && bytes[at + digits] !== SPACE) return null;
    if (this.#framing === "octets") return start > end ? "more" : { start, octets };
    // At first a number may as well begin a line: what is counted begins as messages do.
    if (start >= end) return "more";
    return MESSAGE_STARTS.includes(bytes[start] ?? 0) ? { start, octets } : null;
  }

  #octets(bytes: Uint8Array, { start, octets }: Count, end: number, take: TakeFrame): number {
    this.#framing = "octets";
    if (octets > SYSLOG_OCTETS_MAX) {
      this.broken = true;
      return end;
    }
    const kept = Math.min(octets, SYSLOG_MESSAGE_BYTES_MAX);
    if (end - start < kept) return -1;
    if (octets > kept) {
      this.clipped += 1;
      this.#skipOctets = octets - kept;
    }
    take(bytes, start, start + kept);
    return start + kept;
  }

  /** Where the line that goes on at `from` ends: a line feed or a NUL; -1: not before `end`. */
  #endOfLine(bytes: Uint8Array, from: number, end: number): number {
    // NULs are rare: the next one is looked for once, not again for each message before it.
    if (this.#nul < from) {
      const nul = bytes.indexOf(0, from);
      this.#nul = nul < 0 ? Number.POSITIVE_INFINITY : nul;
    }
    const lineFeed = bytes.indexOf(LINE_FEED, from);
    const lineEnd = Math.min(lineFeed < 0 ? end : lineFeed, this.#nul);
    return lineEnd < end ? lineEnd : -1;
  }

  #hold(chunk: Uint8Array, from: number): void {
    if (from < chunk.length) this.#append(chunk, from);
  }

  #append(chunk: Uint8Array, from: number): void {
    const needed = this.#heldEnd + chunk.length - from;
    if (needed > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#heldEnd, 256));
      larger.set(this.#held.subarray(0, this.#heldEnd));
      this.#held = larger;
    }
    this.#held.set(chunk.subarray(from), this.#heldEnd);
    this.#heldEnd = needed;
  }
}

interface Count {
  /** Where the message begins. */
  readonly start: number;
  readonly octets: number;
}

const SPACE = 0x20;
const LINE_FEED = 0x0a;
/** `<` of a priority; `{`, `@` (of `@cee:`) and a byte order mark of what comes without one. */
const MESSAGE_STARTS = [0x3c, 0x7b, 0x40, 0xef];

/** What senders put between messages: line feeds, carriage returns, NULs, spaces. */
function isBetween(byte: number): boolean {
  return byte === LINE_FEED || byte === 0x0d || byte === 0 || byte === SPACE;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
