import { LevelIndex } from "@tracer/core";
import { SyslogClock } from "./syslog-time.ts";

/** A tag of RFC 3164 may be this long; what is longer is part of the message. */
export const SYSLOG_TAG_BYTES_MAX = 128;

/**
 * Reads the header of one syslog message: RFC 5424, or RFC 3164 in the shapes that senders give it. Notes
 * ranges; makes nothing. What is not there or cannot be read is left to the message: it never fails.
 */
export class SyslogHeader {
  /** Index into core's LEVELS from the severity; -1: it has no priority. */
  level = -1;
  /** NaN: it names no time that can be read. */
  timestampMs = Number.NaN;
  /** True: there is something where the time belongs, and it is none. */
  timeUnreadable = false;
  /** APP-NAME or tag, without the process id. Empty: it names none. */
  nameStart = 0;
  nameEnd = 0;
  /** Where the message begins, byte order mark passed. */
  messageStart = 0;
  readonly #clock: SyslogClock;
  readonly #structuredData: boolean;

  /** `structuredData` false: senders (Heroku) that leave it out, so that a `[` begins the message. */
  constructor(receiptMs: number, { structuredData = true }: { structuredData?: boolean } = {}) {
    this.#clock = new SyslogClock(receiptMs);
    this.#structuredData = structuredData;
  }

  read(bytes: Uint8Array, start: number, end: number): void {
    this.level = -1;
    this.timestampMs = Number.NaN;
    this.timeUnreadable = false;
    this.nameStart = start;
    this.nameEnd = start;
    const at = this.#priority(bytes, passMark(bytes, start, end), end);
    if (bytes[at] === ONE && bytes[at + 1] === SPACE && this.level >= 0 && at + 1 < end) {
      this.#ietf(bytes, at + 2, end);
    } else {
      this.#bsd(bytes, at, end);
    }
    this.messageStart = passMark(bytes, this.messageStart, end);
  }

  /** `<0>` to `<191>`; where what follows begins. */
  #priority(bytes: Uint8Array, start: number, end: number): number {
    if (bytes[start] !== 0x3c) return start;
    let value = 0;
    let at = start + 1;
    while (at < end && at - start <= 3 && isDigit(bytes[at] ?? 0)) {
      value = value * 10 + (bytes[at] ?? 0) - 0x30;
      at += 1;
    }
    if (at === start + 1 || at >= end || bytes[at] !== 0x3e || value > 191) return start;
    this.level = LEVEL_BY_SEVERITY[value & 7] ?? LevelIndex.info;
    return at + 1;
  }

  /** RFC 5424 from its time on: TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA [MSG]. */
  #ietf(bytes: Uint8Array, start: number, end: number): void {
    const timeEnd = tokenEnd(bytes, start, end);
    if (!isNil(bytes, start, timeEnd)) {
      this.timestampMs = this.#clock.read(bytes, start, timeEnd);
      this.timeUnreadable = Number.isNaN(this.timestampMs);
    }
    const host = Math.min(timeEnd + 1, end);
    const name = Math.min(tokenEnd(bytes, host, end) + 1, end);
    const nameEnd = tokenEnd(bytes, name, end);
    if (!isNil(bytes, name, nameEnd)) {
      this.nameStart = name;
      this.nameEnd = nameEnd;
    }
    const process = Math.min(nameEnd + 1, end);
    const id = Math.min(tokenEnd(bytes, process, end) + 1, end);
    const data = Math.min(tokenEnd(bytes, id, end) + 1, end);
    this.messageStart = this.#structuredData ? structuredDataEnd(bytes, data, end) : data;
  }

  /** RFC 3164 behind its priority: [sequence:] [time] [host] [tag[pid]:] message. */
  #bsd(bytes: Uint8Array, start: number, end: number): void {
    let at = passSpaces(bytes, start, end);
    const sequence = digitsEnd(bytes, at, end);
    if (sequence > at && bytes[sequence] === COLON && bytes[sequence + 1] === SPACE) {
      at = sequence + 2; // Network devices count their messages.
    }
    const mark = bytes[at] ?? 0;
    // Theirs too: the clock was never set (`*`), or has lost its source (`.`).
    const time = at + (mark === 0x2a || mark === 0x2e ? 1 : 0);
    this.timestampMs = this.#clock.read(bytes, time, end);
    const timed = !Number.isNaN(this.timestampMs);
    if (timed) {
      at = this.#clock.end;
      if (bytes[at] === COLON) at += 1;
      at = passSpaces(bytes, at, end);
    }
    this.messageStart = at;
    if (this.level < 0 && !timed) return; // A line of text.
    if (timed && !this.#endsLikeTag(bytes, at, end)) {
      const hostEnd = tokenEnd(bytes, at, end);
      at = passSpaces(bytes, hostEnd, end);
      this.messageStart = at;
    }
    this.#tag(bytes, at, end);
  }

  /** Whether the next word is a tag and not a host: it ends in a colon. */
  #endsLikeTag(bytes: Uint8Array, at: number, end: number): boolean {
    const wordEnd = tokenEnd(bytes, at, end);
    return bytes[wordEnd - 1] === COLON && bytes[wordEnd - 2] !== COLON && wordEnd - 1 > at;
  }

  /** `name:`, `name[pid]:` or `name[pid] `; else all is message. */
  #tag(bytes: Uint8Array, start: number, end: number): void {
    const limit = Math.min(end, start + SYSLOG_TAG_BYTES_MAX);
    let at = start;
    let named = false; // A number alone is no name.
    while (at < limit && isNameByte(bytes[at] ?? 0)) {
      named ||= !isDigit(bytes[at] ?? 0);
      at += 1;
    }
    if (!named) return;
    const nameEnd = at;
    if (bytes[at] === 0x5b) {
      while (at < limit && bytes[at] !== 0x5d && bytes[at] !== SPACE) at += 1;
      if (bytes[at] !== 0x5d) return;
      at += 1;
      if (at < end && bytes[at] !== COLON && bytes[at] !== SPACE) return;
    } else if (bytes[at] !== COLON || at >= limit) return;
    else if (bytes[at + 1] === 0x2f && bytes[at + 2] === 0x2f) return; // An address.
    if (at > end) return;
    this.nameStart = start;
    this.nameEnd = nameEnd;
    this.messageStart = passSpaces(bytes, bytes[at] === COLON && at < end ? at + 1 : at, end);
  }
}

const { fatal, error, warn, info, debug } = LevelIndex;
/** emerg, alert, crit, err, warning, notice, info, debug. */
const LEVEL_BY_SEVERITY = [fatal, fatal, fatal, error, warn, info, info, debug];

const ONE = 0x31;
const SPACE = 0x20;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

/** Behind STRUCTURED-DATA and its space; where it should begin, when it is not written as it should. */
function structuredDataEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  if (isNil(bytes, start, tokenEnd(bytes, start, end))) at += 1;
  while (at < end && bytes[at] === 0x5b) {
    const closed = elementEnd(bytes, at, end);
    if (closed < 0) return start;
    at = closed;
  }
  if (at < end && bytes[at] !== SPACE) return start;
  return Math.min(at + 1, end);
}

/** Behind the `]` of the element whose `[` is at `start`; a `]` within quotes does not count. -1: none. */
function elementEnd(bytes: Uint8Array, start: number, end: number): number {
  let quoted = false;
  for (let at = start + 1; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (quoted && byte === BACKSLASH) at += 1;
    else if (byte === 0x22) quoted = !quoted;
    else if (!quoted && byte === 0x5d) return at + 1;
  }
  return -1;
}

/** Behind a byte order mark, if there is one. */
function passMark(bytes: Uint8Array, at: number, end: number): number {
  const marked =
    at + 3 <= end && bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf;
  return marked ? at + 3 : at;
}

function passSpaces(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at] === SPACE) at += 1;
  return at;
}

function tokenEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at] !== SPACE) at += 1;
  return at;
}

function digitsEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && isDigit(bytes[at] ?? 0)) at += 1;
  return at;
}

function isNil(bytes: Uint8Array, start: number, end: number): boolean {
  return end <= start || (end - start === 1 && bytes[start] === 0x2d);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** Anything printable that neither ends a tag nor begins its process id. */
function isNameByte(byte: number): boolean {
  return byte > SPACE && byte !== COLON && byte !== 0x5b && byte !== 0x7f;
}
