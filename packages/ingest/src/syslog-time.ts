import { parseTime } from "./time.ts";

/**
 * Reads the times of syslog headers. RFC 3164's have no zone and mostly no year: they are read in the zone
 * of this process, in the year (and, when clocks go back, the turn of the hour) nearest to receipt.
 */
export class SyslogClock {
  /** Where the time ends that was read last; what follows is the next field. */
  end = 0;
  readonly #receiptMs: number;
  // Times of one batch lie in few minutes, and the calendar of a zone is slow.
  #minuteKey = -1;
  #minuteMs = Number.NaN;

  constructor(receiptMs: number) {
    this.#receiptMs = receiptMs;
  }

  /** The time that begins at `at`, in ms since the epoch; NaN: there is none, and `end` means nothing. */
  read(bytes: Uint8Array, at: number, stop: number): number {
    const first = bytes[at] ?? 0;
    if (isDigit(first)) return this.#iso(bytes, at, stop);
    return isLetter(first) ? this.#bsd(bytes, at, stop) : Number.NaN;
  }

  /** `2026-11-23T03:04:05.678+01:00`; also with a space before the time of day. Without a zone it is UTC. */
  #iso(bytes: Uint8Array, at: number, stop: number): number {
    if (bytes[at + 4] !== MINUS) return Number.NaN;
    let end = tokenEnd(bytes, at, stop);
    if (end - at === 10 && isDigit(bytes[end + 1] ?? 0) && bytes[end + 3] === COLON) {
      end = tokenEnd(bytes, end + 1, stop);
    }
    // Some write `…Z:` where the next field is a tag.
    this.end = end;
    return parseTime(bytes, at, bytes[end - 1] === COLON ? end - 1 : end);
  }

  /** `Nov 23 03:04:05`, with fractions, with the year before or behind the time of day, with UTC or an offset. */
  #bsd(bytes: Uint8Array, at: number, stop: number): number {
    const text = Buffer.from(
      bytes.buffer,
      bytes.byteOffset + at,
      Math.min(TIME_BYTES_MAX, stop - at),
    );
    const found = BSD.exec(text.toString("latin1"));
    if (found === null) return Number.NaN;
    const [
      whole,
      monthName = "",
      day,
      yearBefore,
      hour,
      minute,
      second,
      fraction,
      yearBehind,
      zone,
    ] = found;
    const month = MONTHS.indexOf(monthName.toLowerCase());
    const seconds = Number(second);
    if (month < 0 || Number(hour) > 23 || Number(minute) > 59 || seconds > 60) return Number.NaN;
    const year = Number(yearBefore ?? yearBehind ?? -1);
    this.end = at + whole.trimEnd().length;
    const restMs = seconds * 1000 + Math.floor(Number(`0.${fraction ?? 0}`) * 1000);
    const offset = offsetMinutes(zone);
    const minuteMs =
      offset === null
        ? this.#localMinute(year, month, Number(day), Number(hour), Number(minute))
        : nearest(this.#receiptMs, year, (y) => {
            const utc = Date.UTC(y, month, Number(day), Number(hour), Number(minute));
            return new Date(utc).getUTCDate() === Number(day) ? utc - offset * 60_000 : Number.NaN;
          });
    return minuteMs + restMs;
  }

  #localMinute(year: number, month: number, day: number, hour: number, minute: number): number {
    const key = ((((year + 1) * 12 + month) * 32 + day) * 24 + hour) * 60 + minute;
    if (key === this.#minuteKey) return this.#minuteMs;
    this.#minuteKey = key;
    this.#minuteMs = nearest(this.#receiptMs, year, (y) => {
      const local = new Date(y, month, day, hour, minute);
      if (local.getDate() !== day) return Number.NaN; // 29 February of a year that has none.
      const again = new Date(local.getTime() + HOUR_MS);
      const isTwice = again.getHours() === hour && again.getMinutes() === minute;
      return isTwice && isNearer(again.getTime(), local.getTime(), this.#receiptMs)
        ? again.getTime()
        : local.getTime();
    });
    return this.#minuteMs;
  }
}

const BSD =
  /^([A-Za-z]{3}) {1,2}(\d{1,2}) (?:(\d{4}) )?(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(?: ((?:19|20)\d\d)(?=:? ))?(?: ?(Z|UTC|GMT|[+-]\d\d:?\d\d)(?=:? |$)|(?=:? |$))/;
/** The longest that the pattern needs to see. */
const TIME_BYTES_MAX = 64;
const MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");
const HOUR_MS = 3_600_000;
const MINUS = 0x2d;
const COLON = 0x3a;

/** The time of `year`, or, when it is -1, that of the year nearest to `receiptMs`. */
function nearest(receiptMs: number, year: number, timeOf: (year: number) => number): number {
  if (year >= 0) return timeOf(year);
  const thisYear = new Date(receiptMs).getFullYear();
  let best = Number.NaN;
  for (const candidate of [thisYear, thisYear - 1, thisYear + 1]) {
    const ms = timeOf(candidate);
    if (!(Math.abs(best - receiptMs) <= Math.abs(ms - receiptMs)) && !Number.isNaN(ms)) best = ms;
  }
  return best;
}

function isNearer(ms: number, thanMs: number, receiptMs: number): boolean {
  return Math.abs(ms - receiptMs) < Math.abs(thanMs - receiptMs);
}

/** Minutes east of UTC; null: no zone is named. */
function offsetMinutes(zone: string | undefined): number | null {
  if (zone === undefined) return null;
  const digits = zone.replace(":", "");
  if (!/\d/.test(digits)) return 0;
  const minutes = Number(digits.slice(1, 3)) * 60 + Number(digits.slice(3));
  return digits.startsWith("-") ? -minutes : minutes;
}

function tokenEnd(bytes: Uint8Array, from: number, stop: number): number {
  let at = from;
  while (at < stop && bytes[at] !== 0x20) at += 1;
  return at;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isLetter(byte: number): boolean {
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x7a;
}
