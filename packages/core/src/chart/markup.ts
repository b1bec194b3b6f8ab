import { clip, flatten } from "../text.ts";

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * Text made fit to stand in HTML or SVG, as content or inside a quoted attribute: one line, at most
 * `charsMax` UTF-16 units before escaping, no control or invisible characters, markup escaped.
 */
export function escapeMarkup(text: string, charsMax = 500): string {
  return clip(flatten(text), charsMax).replace(/[&<>"']/gu, (sign) => ESCAPES[sign] ?? "");
}
