import { redact } from "./redact.ts";
import type { Ending, EvidenceUnit, TemplateCount } from "./signal.ts";

/** Longest example line kept with an incident, in UTF-16 units. */
export const EXEMPLAR_CHARS_MAX = 300;
/** Longest raw line that is looked at for an example; the rest is cut before redacting. */
export const EXEMPLAR_RAW_CHARS_MAX = 16_384;
const MARKS_IN_A_ROW_MAX = 3;

const ESC = String.fromCharCode(27);
const BEL = String.fromCharCode(7);
const CSI = String.fromCharCode(0x9b);
/** Colours and cursor moves, window titles and links, and any other two-character escape. */
const ANSI = new RegExp(
  `(?:${ESC}\\[|${CSI})[0-?]*[ -/]*[@-~]?|${ESC}\\][^${BEL}${ESC}]*(?:${BEL}|${ESC}\\\\)|${ESC}[ -/]*[0-~]?`,
  "gu",
);
const LINE_BREAK = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/gu;
/** Zero-width, bidi, fillers, variation selectors, tags: what nobody sees but machines read. */
const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;
const CONTROL = /[\p{Cc}\p{Zs}]+/gu;
const MARKS = new RegExp(`(\\p{M}{${MARKS_IN_A_ROW_MAX}})\\p{M}+`, "gu");

/**
 * One line of harmless text: ANSI escapes, control, zero-width and bidi characters are gone, a line break
 * is ` ⏎ `, runs of blanks are one, broken surrogates are U+FFFD. Says nothing about markup: escape after.
 */
export function flatten(text: string): string {
  return stripInvisible(text)
    .replace(LINE_BREAK, " ⏎ ")
    .replace(CONTROL, " ")
    .replace(MARKS, "$1")
    .trim();
}

function stripInvisible(text: string): string {
  return text.toWellFormed().replace(ANSI, "").replace(INVISIBLE, "");
}

/**
 * At most `charsMax` UTF-16 units, with "…" at the end when something was cut. Never cuts a code point, nor
 * a letter from its marks, nor an emoji from what it is joined with.
 */
export function clip(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  if (charsMax <= 0) return "";
  let end = charsMax - 1;
  if (isLowSurrogate(text.charCodeAt(end))) end -= 1;
  // A letter carries few marks; a bound keeps a wall of marks from eating the whole text.
  for (let back = 0; back < 8 && end > 0 && joinsAt(text, end); back += 1) {
    end -= 1;
    if (isLowSurrogate(text.charCodeAt(end))) end -= 1;
  }
  return `${text.slice(0, Math.max(0, end))}…`;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** Whether the code point at `index` belongs to the one before it. */
function joinsAt(text: string, index: number): boolean {
  const here = String.fromCodePoint(text.codePointAt(index) ?? 0);
  const joins = /^(?:\p{M}|\u200d|[\u{1f3fb}-\u{1f3ff}])$/u.test(here);
  return joins || text.charCodeAt(index - 1) === 0x200d;
}

/**
 * A raw log line made fit to be stored and shown: redacted, then flattened, then clipped. What nobody can
 * see goes first, or a colour code inside a password would hide it from the redaction.
 */
export function exemplarText(raw: string): string {
  let text = raw;
  if (text.length > EXEMPLAR_RAW_CHARS_MAX) {
    // The last word may be half a secret, which no pattern would know; it goes with the rest.
    text = text.slice(0, EXEMPLAR_RAW_CHARS_MAX);
    const lastBlank = Math.max(text.lastIndexOf(" "), text.lastIndexOf("\n"));
    if (lastBlank > 0) text = text.slice(0, lastBlank);
  }
  return clip(flatten(redact(stripInvisible(text))), EXEMPLAR_CHARS_MAX);
}

/** Shown where a number does not exist. */
export const NO_NUMBER = "–";

function isNumber(value: number | null | undefined): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** A plain number for people: three significant digits below 100, thousands in groups; "–" for none. */
export function formatNumber(value: number | null | undefined): string {
  if (!isNumber(value)) return NO_NUMBER;
  const size = Math.abs(value);
  if (size >= 1e15) return value.toExponential(2).replace("e+", "e");
  if (size >= 100) return groupThousands(Math.round(value));
  if (size < 0.0005) return "0";
  if (size < 0.01) return trimZeros(value.toFixed(4));
  return trimZeros(value.toFixed(size < 1 ? 2 : 1));
}

function trimZeros(fixed: string): string {
  const trimmed = fixed.replace(/\.?0+$/u, "");
  return trimmed === "-0" || trimmed === "" ? "0" : trimmed;
}

function groupThousands(integer: number): string {
  return String(integer).replace(/\B(?=(?:\d{3})+$)/gu, ",");
}

/** A share in [0, 1] as per cent: "12.4 %". */
function formatShare(share: number | null | undefined): string {
  return isNumber(share) ? `${formatNumber(share * 100)} %` : NO_NUMBER;
}

/** A ratio, "20.7×"; null means that nothing was expected, "new, was 0". */
export function formatRatio(ratio: number | null | undefined): string {
  return isNumber(ratio) ? `${formatNumber(ratio)}×` : "new, was 0";
}

/** A value of a signal with its unit. */
export function formatQuantity(value: number | null | undefined, unit: EvidenceUnit): string {
  if (!isNumber(value)) return NO_NUMBER;
  switch (unit) {
    case "share":
      return formatShare(value);
    case "records_per_minute":
      return `${formatNumber(value)}/min`;
    case "milliseconds":
      return Math.abs(value) < 1_000
        ? `${formatNumber(value)} ms`
        : `${formatNumber(value / 1_000)} s`;
    case "number":
      return formatNumber(value);
    default:
      return unit satisfies never;
  }
}

/** How often a kind of message comes, and came: "14/min, was 0.2/min", or "NEW, 14/min". */
export function formatTemplateRates({ before, now, isNew }: TemplateCount): string {
  const rate = formatQuantity(now, "records_per_minute");
  return isNew ? `NEW, ${rate}` : `${rate}, was ${formatQuantity(before, "records_per_minute")}`;
}

/** How a signal ended where that is no recovery, in words that follow a time: "accepted by hand as the new normal". */
export function endingText(ending: Ending): string {
  return ENDING_WORDS[ending];
}

const ENDING_WORDS = {
  accepted: "taken as the new normal",
  accepted_by_hand: "accepted by hand as the new normal",
  no_records: "no records any more",
  not_seen: "not seen any more",
} as const satisfies Record<Ending, string>;

/** A length of time in its largest unit, whole: "45 s", "18 min", "3 h 20 min", "2 d 4 h". */
export function formatDuration(seconds: number | null | undefined): string {
  if (!isNumber(seconds)) return NO_NUMBER;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 120) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0
    ? `${groupThousands(days)} d`
    : `${groupThousands(days)} d ${hours % 24} h`;
}

const BARS = "▁▂▃▄▅▆▇█";

/** Values as block characters, lowest to highest from 0 or the least; "·" where nothing is known. */
export function sparklineText(values: readonly (number | null)[]): string {
  const known = values.filter(isNumber);
  const top = known.length === 0 ? 0 : Math.max(...known);
  const bottom = known.length === 0 ? 0 : Math.min(0, ...known);
  const height = top - bottom;
  return values
    .map((value) => {
      if (!isNumber(value)) return "·";
      const part = height > 0 && Number.isFinite(height) ? (value - bottom) / height : 0;
      return BARS[Math.min(BARS.length - 1, Math.floor(part * BARS.length))] ?? BARS[0];
    })
    .join("");
}
