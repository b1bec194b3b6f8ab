import { characterClasses, isId } from "./characters.ts";

/** What a token is: a word as it stands, or a value of a kind. */
export const Mask = {
  none: 0,
  /** Letters with values between them: `worker-<num>`. */
  partly: 1,
  number: 2,
  hex: 3,
  id: 4,
  uuid: 5,
  ip: 6,
  time: 7,
  duration: 8,
  path: 9,
  url: 10,
  email: 11,
  quoted: 12,
} as const;

/** How each is shown. */
export const MASK_TEXTS = [
  ...["", "", "<num>", "<hex>", "<id>", "<uuid>", "<ip>", "<time>"],
  ...["<duration>", "<path>", "<url>", "<email>", "<text>"],
];

/** What may follow a number and belongs to it. */
export const UNITS: ReadonlySet<string> = new Set([
  ...["ns", "us", "µs", "ms", "s", "sec", "secs", "second", "seconds", "m", "min", "mins"],
  ...["minute", "minutes", "h", "hr", "hrs", "hour", "hours", "d", "day", "days"],
  ...["B", "byte", "bytes", "kB", "KB", "MB", "GB", "TB", "kb", "mb", "gb", "KiB", "MiB", "GiB"],
]);
export const UNIT_CHARS_MAX = 7;

/** What digits are that these characters join. */
export function digitsMask(dots: number, colons: number, dashes: number, slashes: number): number {
  if (dots === 3 && dashes === 0) return Mask.ip;
  return colons > 0 || dashes === 2 || slashes > 0 ? Mask.time : Mask.number;
}

/** `worker-12` as `worker-<num>`. */
export function partlyMasked(word: string): string {
  const table = characterClasses();
  return word.replace(/[^.\-:/\\@+]+/gu, (part) => {
    if (!/\d/u.test(part)) return part;
    if (/^\d+$/u.test(part)) return "<num>";
    return isId(part, 0, part.length, table) ? "<id>" : part.replace(/\d+/gu, "<num>");
  });
}
