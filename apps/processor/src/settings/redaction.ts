import type { SettingsFile } from "./schema.ts";

/** A line as it may be kept: what a person's own patterns find in it is replaced, in their order. */
export type Redactor = (line: string) => string;

/** What is longer is cut before it is searched, so that a costly pattern costs no more than this many characters. */
export const REDACTED_CHARS_MAX = 2_048;

/** Null: there is no pattern, and nothing to do. Tracer's own patterns come on top, always. */
export function redactorOf(redaction: SettingsFile["redaction"]): Redactor | null {
  if (redaction.length === 0) return null;
  const rules = redaction.map(({ pattern, replace }) => ({
    pattern: new RegExp(pattern, "gu"),
    replace,
  }));
  return (line) =>
    rules.reduce(
      (text, { pattern, replace }) => text.replace(pattern, () => replace),
      line.slice(0, REDACTED_CHARS_MAX),
    );
}
