import { flatten } from "@tracer/core";

/** Looks like a backtick and is none, so that nothing inside a code span can end it. */
const NO_BACKTICK = "ˋ";

/**
 * Hostile text for a mrkdwn place: flat, `&`, `<`, `>` escaped, backticks replaced, at most `charsMax`
 * UTF-16 units *after* escaping, never cut inside an entity or a code point.
 */
export function escapeMrkdwn(text: string, charsMax: number): string {
  return clipPieces(flatten(text), charsMax, (point) => {
    if (point === "&") return "&amp;";
    if (point === "<") return "&lt;";
    if (point === ">") return "&gt;";
    return point === "`" ? NO_BACKTICK : point;
  });
}

/** Hostile text in a code span; a blank when there is nothing to show, for an empty span is none. */
export function codeSpan(text: string, charsMax: number): string {
  return `\`${escapeMrkdwn(text, charsMax - 2) || " "}\``;
}

/** As `escapeMrkdwn`, for a place where Slack would also make a bare URL into a link. */
export function escapeUnlinked(text: string, charsMax: number): string {
  return escapeMrkdwn(unlink(text), charsMax);
}

/** Breaks what a reader would turn into a link or a mention; reads the same to a person. */
export function unlink(text: string): string {
  return text.replaceAll("://", ":∕∕").replace(/www\./giu, "www․").replaceAll("@", "＠");
}

/** Replaces each code point and stops, with "…", before the result gets longer than `charsMax`. */
export function clipPieces(
  text: string,
  charsMax: number,
  pieceOf: (codePoint: string) => string,
): string {
  let whole = "";
  let short = ""; // The longest prefix that leaves room for "…".
  for (const point of text) {
    whole += pieceOf(point);
    if (whole.length > charsMax) return charsMax <= 0 ? "" : `${short}…`;
    if (whole.length < charsMax) short = whole;
  }
  return whole;
}

/** `<!date^…>`: a time that each reader sees in their own zone, with ISO as the fallback. */
export function dateToken(iso: string, seconds: number | null, format: string): string {
  return seconds === null ? iso : `<!date^${seconds}^${format}|${iso}>`;
}
