import type { Random } from "./random.ts";

/*
 * JSON as text, valid unless it says otherwise, in every form that the grammar allows: escapes, surrogates, numbers,
 * white space, nesting, keys that repeat.
 */

/** Any number that JSON can write. */
export function numberText(random: Random): string {
  const digits = (most: number) => {
    let text = String(random.below(10));
    for (let more = random.below(most); more > 0; more -= 1) text += String(random.below(10));
    return text;
  };
  const whole = random.oneIn(4) ? "0" : digits(random.oneIn(8) ? 40 : 14).replace(/^0+(?=\d)/, "");
  const fraction = random.oneIn(3) ? `.${digits(random.oneIn(8) ? 40 : 8)}` : "";
  const exponent = random.oneIn(5)
    ? `${random.pick(["e", "E"])}${random.pick(["", "+", "-"])}${digits(3)}`
    : "";
  return `${random.oneIn(4) ? "-" : ""}${whole}${fraction}${exponent}`;
}

const PLAIN = [
  "a",
  "b",
  "error",
  " ",
  "ERROR ",
  "[warn]",
  ":",
  ",",
  "{",
  "}",
  "[",
  "]",
  "0",
  "x=1",
] as const;
const WIDE = ["é", "ß", "日本", "😀", "\u2028", "\u200b", "\u0080", "\uffff", "\u007f"] as const;
const ESCAPES = [
  '\\"',
  "\\\\",
  "\\/",
  "\\b",
  "\\f",
  "\\n",
  "\\r",
  "\\t",
  "\\u0041",
  "\\u00e9",
] as const;
const UNITS = [
  "\\ud83d\\ude00",
  "\\ud83d",
  "\\ude00",
  "\\u0000",
  "\\uD800\\uD800",
  "\\u2028",
] as const;

/** A string with its quotes; long ones cross the borders of sixteen bytes. */
export function stringText(random: Random): string {
  let text = "";
  const pieces = random.oneIn(12) ? random.below(60) : random.below(6);
  for (let piece = 0; piece < pieces; piece += 1) {
    const kind = random.below(10);
    if (kind < 6) text += random.pick(PLAIN);
    else if (kind < 7) text += random.pick(WIDE);
    else if (kind < 9) text += random.pick(ESCAPES);
    else text += random.pick(UNITS);
  }
  return `"${text}"`;
}

/** White space within a line, mostly none. */
export function gap(random: Random): string {
  return random.oneIn(12) ? random.pick([" ", "  ", "\t", "\r", " \t "]) : "";
}

/** Any value; `depth` levels may follow. */
export function valueText(random: Random, depth: number): string {
  const kind = random.below(depth > 0 ? 10 : 7);
  if (kind < 3) return stringText(random);
  if (kind < 5) return numberText(random);
  if (kind < 7) return random.pick(["true", "false", "null", '""']);
  const inner = () => `${gap(random)}${valueText(random, depth - 1)}${gap(random)}`;
  if (kind < 8) {
    return `[${Array.from({ length: random.below(4) }, inner).join(",") || gap(random)}]`;
  }
  const member = () => `${gap(random)}${keyText(random)}${gap(random)}:${inner()}`;
  return `{${Array.from({ length: random.below(4) }, member).join(",") || gap(random)}}`;
}

/** Deep nesting: around the scanner's limit, and, for `beyond`, around the walker's, which the oracle does not have. */
export function deepText(random: Random, beyond: boolean): string {
  const depth = beyond ? 196 + random.below(8) : random.pick([30, 60, 61, 62, 63, 64, 100, 190]);
  const opening = Array.from({ length: depth }, () => random.pick(["[", '{"a":']));
  const closing = opening.toReversed().map((text) => (text === "[" ? "]" : "}"));
  return `${opening.join("")}1${closing.join("")}`;
}

/** A key that means nothing, or one that means something where it stands. */
function keyText(random: Random): string {
  if (random.oneIn(4)) return stringText(random);
  return `"${random.pick(["name", "level", "labels", "labels.app", "app", "latency", "environment", "x", "time"])}"`;
}
