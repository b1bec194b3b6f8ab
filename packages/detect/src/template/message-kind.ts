import { BUCKET_MS, clip, flatten, redact } from "@tracer/core";
import { MinuteCounts } from "./minute-counts.ts";

/** Groups of levels that kinds are kept apart by: a known message at a graver level is a new kind. */
export const GROUPS = ["info", "warn", "error"] as const;

/**
 * What is known of a kind: `waiting` → `due` → `open` → `known`, or straight to `known` while the service
 * is being learned. `waiting`: new, but not enough of it yet to be told from a rare one. `due`: enough,
 * and the step in which it was enough is not closed. A known kind never alerts again.
 */
export type KindState = "known" | "waiting" | "due" | "open";

/** One kind of message of one service and level. */
export interface MessageKind {
  /** Index into GROUPS. */
  readonly group: number;
  /** Of the first form; stays when the text becomes more general. */
  readonly part: string;
  /** Hashes of its tokens; WILD where anything may stand. */
  readonly tokens: Int32Array;
  /** Masked text, and where each of its tokens ends. */
  text: string;
  ends: readonly number[];
  isWild: boolean;
  /** The text as people may see it; null until somebody asks. */
  shown: string | null;
  state: KindState;
  lines: number;
  /** Times that it came more than OCCASION_APART_MS after the one before that counted, and when that was. */
  occasions: number;
  occasionMs: number;
  firstMs: number;
  lastMs: number;
  /** From the second line on. */
  minutes: MinuteCounts | null;
  /** Lines that came at least HIT_APART_MS after the one before that counted, and when the last of them did. */
  hits: number;
  hitMs: number;
  /** The gravest level it was seen at; index into core's LEVELS. */
  level: number;
  /** Most lines in a minute. */
  peak: number;
  /** End of the step in which it was decided, and evidence and bar in nats; once it is due. */
  decidedMs: number;
  evidence: number;
  bar: number;
  /** End of the last step that was judged while open. */
  judgedMs: number;
}

/** Characters of a kind's text that people are shown. */
const SHOWN_CHARS_MAX = 200;

/** What comes within this time is one occasion. */
const OCCASION_APART_MS = 600_000;
/** Lines closer together than this may be one event that is told in several lines. */
const HIT_APART_MS = 30_000;

/** The text without secrets, on one line: made when it is first asked for. */
export function shownText(kind: MessageKind): string {
  kind.shown ??= clip(flatten(redact(kind.text)), SHOWN_CHARS_MAX);
  return kind.shown;
}

/** Counts one more line. */
export function countLine(kind: MessageKind, timestampMs: number, count: number): void {
  if (kind.minutes === null) {
    kind.minutes = new MinuteCounts();
    kind.minutes.add(kind.lastMs, kind.lines);
  }
  kind.minutes.add(timestampMs, count);
  kind.peak = Math.max(kind.peak, kind.minutes.at(Math.floor(timestampMs / BUCKET_MS)));
  if (timestampMs - kind.hitMs >= HIT_APART_MS) {
    kind.hits += 1;
    kind.hitMs = timestampMs;
  }
  if (timestampMs - kind.occasionMs > OCCASION_APART_MS) {
    kind.occasions += 1;
    kind.occasionMs = timestampMs;
  }
  kind.lines += count;
  kind.lastMs = Math.max(kind.lastMs, timestampMs);
}

/** Lines of a kind in the minutes from `fromMs` to before `toMs`. */
export function linesBetween(kind: MessageKind, fromMs: number, toMs: number): number {
  if (kind.minutes !== null) return kind.minutes.sum(fromMs, toMs);
  return kind.lastMs >= fromMs && kind.lastMs < toMs ? kind.lines : 0;
}
