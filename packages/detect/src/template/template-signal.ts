import {
  BUCKET_MS,
  type Ending,
  type Evidence,
  formatDuration,
  formatNumber,
  LevelIndex,
  type Severity,
  type Signal,
  stepStartOf,
} from "@tracer/core";
import { endedSentence } from "../sentence.ts";
import { type MessageKind, shownText } from "./message-kind.ts";

const SPARKLINE_MINUTES = 30;
/** Part of the signal that stands for all kinds beyond what is told one by one. */
export const MORE_PART = "more";

/** New kinds that came when enough had been told one by one. */
export interface MoreKinds {
  readonly onsetMs: number;
  readonly decidedMs: number;
  judgedMs: number;
  kinds: number;
  lines: number;
  lastMs: number;
  level: number;
}

/** A new kind as a signal. `firstMs`: since when the service is known. */
export function kindSignal(
  kind: MessageKind,
  slot: number,
  firstMs: number,
  ending: Ending | null = null,
): Signal {
  const onsetMs = stepStartOf(kind.firstMs);
  const text = `A new kind of ${nounOf(kind.level)}: "${shownText(kind)}", ${timesOf(kind, onsetMs)}`;
  const fixed = { slot, kind: "template", part: kind.part, onsetMs } as const;
  return {
    ...fixed,
    severity: templateSeverity(kind.level),
    decidedMs: kind.decidedMs,
    lastStepMs: kind.judgedMs,
    peak: kind.peak,
    evidence: {
      ...evidenceOf(kind.lines, onsetMs, kind.judgedMs, kind.peak),
      evidence: kind.evidence,
      bar: kind.bar,
      baselineAgeSeconds: Math.max(0, (onsetMs - firstMs) / 1000),
      sparkline: sparkline(kind),
      ...endOf(text, ending),
    },
  };
}

/** The kinds beyond, as one signal. */
export function moreSignal(
  more: MoreKinds,
  slot: number,
  firstMs: number,
  ending: Ending | null = null,
): Signal {
  const { onsetMs, decidedMs, judgedMs, kinds, lines, level } = more;
  const count = kinds === 1 ? "1 more new kind" : `${formatNumber(kinds)} more new kinds`;
  const span = formatDuration(Math.max(10, (judgedMs - onsetMs) / 1000));
  return {
    ...{ slot, kind: "template", part: MORE_PART, onsetMs, decidedMs, lastStepMs: judgedMs },
    severity: templateSeverity(level),
    peak: kinds,
    evidence: {
      ...evidenceOf(lines, onsetMs, judgedMs, lines),
      evidence: 0,
      bar: 0,
      baselineAgeSeconds: Math.max(0, (onsetMs - firstMs) / 1000),
      sparkline: [],
      ...endOf(`${count} of messages within ${span}, after those told one by one`, ending),
    },
  };
}

export function templateSeverity(level: number): Severity {
  if (level >= LevelIndex.error) return "error";
  return level === LevelIndex.warn ? "warning" : "info";
}

function evidenceOf(
  lines: number,
  onsetMs: number,
  untilMs: number,
  peak: number,
): Omit<Evidence, "evidence" | "bar" | "baselineAgeSeconds" | "sparkline" | "sentence"> {
  const minutes = Math.max(1, (untilMs - onsetMs) / BUCKET_MS);
  const observed = lines / minutes;
  return {
    unit: "records_per_minute",
    observed,
    peak: Math.max(peak, observed),
    expected: 0,
    expectedLow: 0,
    expectedHigh: 0,
    ratio: null,
    z: null,
    ewma: null,
    rateOfChange: null,
    sampleSize: lines,
  };
}

function sparkline(kind: MessageKind): number[] {
  const last = Math.floor((kind.judgedMs - 1) / BUCKET_MS);
  return Array.from({ length: SPARKLINE_MINUTES }, (_, at) => {
    const minute = last - SPARKLINE_MINUTES + 1 + at;
    if (kind.minutes !== null) return kind.minutes.at(minute);
    return Math.floor(kind.lastMs / BUCKET_MS) === minute ? kind.lines : 0;
  });
}

function nounOf(level: number): string {
  if (level === LevelIndex.fatal) return "fatal error";
  if (level === LevelIndex.error) return "error";
  return level === LevelIndex.warn ? "warning" : "message";
}

function timesOf(kind: MessageKind, onsetMs: number): string {
  if (kind.lines === 1) return "once";
  const span = formatDuration(Math.max(10, (kind.judgedMs - onsetMs) / 1000));
  const about = kind.group === 0 ? "about " : ""; // A sample.
  return `${about}${formatNumber(kind.lines)} times in ${span}`;
}

function endOf(sentence: string, ending: Ending | null): Pick<Evidence, "sentence" | "ending"> {
  if (ending === null) return { sentence };
  return { sentence: endedSentence(sentence, "template", ending), ending };
}
