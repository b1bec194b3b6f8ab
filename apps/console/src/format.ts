/** A log line shown on the page is clipped to this many characters. */
export const LINE_CHARACTERS_MAX = 600;
/** Names, titles. */
export const NAME_CHARACTERS_MAX = 200;

// Controls, format characters and direction overrides can make a line read as what it is not. Joiners are
// let through: some scripts and emoji need them.
const DECEIVING = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
/** e^9.2 is about 9,900. */
const LOG_CHANGE_MAX = 9.2;

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/**
 * Hostile text made plain: whatever is invisible is shown as a replacement character, whitespace is one
 * space, and length is bounded. The result still goes into the page as a text node, never as HTML.
 */
export function plain(value: unknown, charactersMax = LINE_CHARACTERS_MAX): string {
  const text =
    typeof value === "string" ? value : value === null || value === undefined ? "" : String(value);
  const clipped = text.length > charactersMax ? `${text.slice(0, charactersMax)}…` : text;
  return clipped
    .replace(/[\t\r\n]+/g, " ")
    .replace(DECEIVING, "\ufffd")
    .toWellFormed();
}

/** A whole number in groups: "27,911"; "–" for what is no number. */
export function count(value: number | null | undefined): string {
  return typeof value === "number" && Number.isFinite(value) ? whole.format(value) : "–";
}

/** A change from one minute to the next, given as its natural logarithm, as a factor: "3.3×". */
export function change(value: number | null | undefined): string {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  if (Math.abs(value) > LOG_CHANGE_MAX) return value > 0 ? "over 9,999×" : "under 0.0001×";
  const factor = Math.exp(value);
  return `${factor >= 100 ? whole.format(factor) : String(Number(factor.toFixed(factor >= 10 ? 1 : 2)))}×`;
}

/** Time of day, with the date when it was not on the day of `nowMs`; "–" for what is no time. */
export function clockText(iso: string, nowMs: number, { seconds = false } = {}): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "–";
  const time = date.toLocaleTimeString([], {
    hour: "2-digit",
    minute: "2-digit",
    hour12: false,
    ...(seconds ? { second: "2-digit" } : {}),
  });
  return date.toDateString() === new Date(nowMs).toDateString()
    ? time
    : `${date.toLocaleDateString([], { day: "numeric", month: "short" })} ${time}`;
}

/** How much later: "+0.4 s", "+12 s", "+3 min". */
export function delayText(milliseconds: number): string {
  if (!Number.isFinite(milliseconds)) return "";
  const sign = milliseconds < 0 ? "−" : "+";
  const size = Math.abs(milliseconds);
  if (size < 10_000) return `${sign}${(size / 1_000).toFixed(1)} s`;
  if (size < 120_000) return `${sign}${Math.round(size / 1_000)} s`;
  if (size < 7_200_000) return `${sign}${Math.round(size / 60_000)} min`;
  return `${sign}${Math.round(size / 3_600_000)} h`;
}
