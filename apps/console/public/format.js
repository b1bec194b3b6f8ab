// Pure text and number helpers: no DOM, no clock.

/** A log line shown on the page is clipped to this many characters. */
export const LINE_CHARACTERS_MAX = 600;
/** A stream whose event is larger than this is broken. */
export const EVENT_CHARACTERS_MAX = 1_000_000;

// Controls, format characters and direction overrides can make a line read as what it is not. Joiners are
// let through: some scripts and emoji need them.
const DECEIVING = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Hostile text made plain: whatever is invisible is shown as a replacement character, whitespace is one
 * space, and length is bounded. The result still goes through `textContent`, never into HTML.
 * @param {unknown} value
 */
export function plain(value, charactersMax = LINE_CHARACTERS_MAX) {
  const text = typeof value === "string" ? value : value == null ? "" : String(value);
  const clipped = text.length > charactersMax ? `${text.slice(0, charactersMax)}…` : text;
  return clipped
    .replace(/[\t\r\n]+/g, " ")
    .replace(DECEIVING, "\ufffd")
    .toWellFormed();
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/**
 * 12,345; 12.3; 0.42; "–" for what is unknown or not finite.
 * @param {number | null | undefined} value
 */
export function number(value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return whole.format(value);
  return String(Number(value.toFixed(size >= 10 ? 1 : 2)));
}

/**
 * A value with its unit, as people say it.
 * @param {number | null | undefined} value
 * @param {string} unit share, records_per_minute, milliseconds or number
 */
export function measure(value, unit) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  switch (unit) {
    case "share":
      return `${number(value * 100)} %`;
    case "records_per_minute":
      return `${number(value)} a minute`;
    case "milliseconds":
      return value >= 1_000 ? `${number(value / 1000)} s` : `${number(value)} ms`;
    default:
      return number(value);
  }
}

/**
 * A change from one minute to the next, given as its natural logarithm, as a factor: "3.3×".
 * @param {number | null | undefined} value
 */
export function change(value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  if (Math.abs(value) > LOG_CHANGE_MAX) return value > 0 ? "over 9,999×" : "under 0.0001×";
  return `${number(Math.exp(value))}×`;
}
/** e^9.2 is about 9,900. */
const LOG_CHANGE_MAX = 9.2;

/**
 * How long, in the two largest units that matter: "12 s", "4 min", "2 h 5 min", "3 d 4 h".
 * @param {number} seconds
 */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const total = Math.max(0, Math.floor(seconds));
  if (total < 60) return `${total} s`;
  const minutes = Math.floor(total / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return joined(hours, "h", minutes % 60, "min");
  return joined(Math.floor(hours / 24), "d", hours % 24, "h");
}

/** @param {number} big @param {string} bigUnit @param {number} small @param {string} smallUnit */
function joined(big, bigUnit, small, smallUnit) {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
}

/**
 * Splits a server-sent event stream into events. Comments and unknown fields are skipped; throws when one
 * event grows beyond its bound.
 */
export function createEventParser() {
  let rest = "";
  /** @param {string} chunk @returns {{ event: string, data: string, id: string | null }[]} */
  const feed = (chunk) => {
    // A chunk may end between CR and LF: a last CR waits for what follows it.
    const text = rest + chunk;
    const heldBack = text.endsWith("\r") ? "\r" : "";
    const lines = text.slice(0, text.length - heldBack.length).replace(/\r\n?/g, "\n");
    const blocks = lines.split("\n\n");
    rest = (blocks.pop() ?? "") + heldBack;
    if (rest.length > EVENT_CHARACTERS_MAX) throw new Error("an event of the stream is too large");
    return blocks.map(parseBlock).filter((event) => event !== null);
  };
  return { feed };
}

/** @param {string} block */
function parseBlock(block) {
  let event = "message";
  /** @type {string | null} */
  let id = null;
  const data = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon === 0) continue;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") event = value;
    else if (field === "data") data.push(value);
    else if (field === "id") id = value;
  }
  return data.length === 0 ? null : { event, data: data.join("\n"), id };
}
