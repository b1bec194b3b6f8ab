import {
  CRITICAL_ERROR_SHARE_MIN,
  CRITICAL_FATAL_SHARE_MIN,
  type Ending,
  type Kind,
} from "@tracer/core";
import { BUCKET_STEPS } from "./buckets.ts";
import type { RecentShares } from "./error-shares.ts";

/** Plain English for people, without the service's name. Never NaN, Infinity or undefined. */

interface Compared {
  readonly observed: number;
  readonly expected: number;
  readonly ratio: number | null;
}

export interface ErrorGravity {
  /** Share of fatal records since the onset. */
  readonly fatalShare: number;
  /** What made it critical, if it was not the share since the onset: over the last `steps`, or at the worst. */
  readonly recent: RecentShares | null;
}

/** "12.4 % of records are errors, 0.6 % expected (20.7×)", and "; 55 % in the last minute". */
export function errorSentence(facts: Compared & ErrorGravity): string {
  const { observed, expected, ratio, fatalShare, recent } = facts;
  const seen = `${percent(observed)} of records are errors${fatalText(fatalShare)}`;
  const versus =
    ratio === null ? "; new, was 0" : `, ${percent(expected)} expected (${timesText(ratio)})`;
  if (recent === null) return `${seen}${versus}`;
  const { errorShare, fatalShare: recentFatals, steps } = recent;
  const shares =
    errorShare >= CRITICAL_ERROR_SHARE_MIN ? percent(errorShare) : `${percent(recentFatals)} fatal`;
  return `${seen}${versus}; ${shares} ${recentText(steps)}`;
}

function fatalText(fatalShare: number): string {
  if (fatalShare === 0) return "";
  if (fatalShare < CRITICAL_FATAL_SHARE_MIN) return ", some of them fatal";
  return ` (${percent(fatalShare)} fatal)`;
}

function recentText(steps: number): string {
  if (steps === 0) return "at its worst";
  return steps < BUCKET_STEPS ? `in the last ${steps * 10} s` : "in the last minute";
}

/** "No records for 40 s, about 100 a minute expected" or "640 records a minute, about 100 expected (6.4×)". */
export function volumeSentence({
  observed,
  expected,
  ratio,
  silentMs,
}: Compared & { readonly silentMs: number }): string {
  if (observed === 0) {
    const since = silentMs > 0 ? ` for ${durationText(silentMs)}` : "";
    return `No records${since}, about ${roughly(expected)} a minute expected`;
  }
  const seen = `${amount(observed)} records a minute`;
  if (ratio === null) return `${seen}; new, was 0`;
  return `${seen}, about ${roughly(expected)} expected (${timesText(ratio)})`;
}

/** "Typical latency 840 ms, about 210 ms expected (4×)". */
export function latencySentence({ observed, expected, ratio }: Compared): string {
  const times = ratio === null ? "" : ` (${timesText(ratio)})`;
  return `Typical latency ${latencyText(observed)}, about ${latencyText(expected)} expected${times}`;
}

function latencyText(ms: number): string {
  if (ms > 0 && ms < 0.01) return "under 0.01 ms";
  if (ms < 1_000) return `${ms >= 10 ? Math.round(ms) : round(ms)} ms`;
  return ms < 100_000 ? `${round(ms / 1_000)} s` : durationText(ms);
}

/** The sentence of a signal that is over, and is no recovery. */
export function endedSentence(sentence: string, kind: Kind, ending: Ending): string {
  return `${sentence}. ${endText(kind, ending)}`;
}

function endText(kind: Kind, ending: Ending): string {
  const isTemplate = kind === "template";
  switch (ending) {
    case "accepted":
      return isTemplate
        ? "After 6 hours it counts as known"
        : "After 6 hours this is taken as the new normal";
    case "accepted_by_hand":
      return isTemplate ? "Accepted by hand: it is known" : "Accepted by hand as the new normal";
    case "no_records":
      if (kind === "metric") return "No values for 30 min since";
      return kind === "latency"
        ? "No record has told its latency for 6 hours since"
        : "No records for 6 hours since";
    case "not_seen":
      return "Not seen any more for 30 min";
    default:
      return ending satisfies never;
  }
}

/** "No records from any service for 2 min 10 s; usually one every 0.4 s". */
export function pipelineSentence(gapMs: number, usualPerMinute: number): string {
  const seen = `No records from any service for ${durationText(gapMs)}`;
  if (usualPerMinute <= 0) return seen;
  const perSecond = usualPerMinute / 60;
  if (perSecond > OFTEN_PER_SECOND) return `${seen}; usually about ${roughly(perSecond)} a second`;
  return `${seen}; usually one every ${durationText(1_000 / perSecond)}`;
}
/** Nobody thinks of what comes more often than this as one every so much of a second. */
const OFTEN_PER_SECOND = 10;

function percent(share: number): string {
  const value = share * 100;
  if (value > 0 && value < 0.01) return "under 0.01 %";
  return `${round(value)} %`;
}

function timesText(ratio: number): string {
  return `${round(ratio)}×`;
}

export function amount(value: number): string {
  return value > 0 && value < 0.01 ? "under 0.01" : `${round(value)}`;
}

function roughly(value: number): string {
  return value >= 10 ? `${Math.round(value)}` : amount(value);
}

export function durationText(ms: number): string {
  if (ms < 60_000) return `${round(ms / 1_000)} s`;
  const [big, small, unit, part] = ms < 3_600_000 ? [60, 1, "min", "s"] : [3_600, 60, "h", "min"];
  const whole = Math.round(ms / 1_000 / small);
  const rest = whole % (big / small);
  return `${Math.floor(whole / (big / small))} ${unit}${rest === 0 ? "" : ` ${rest} ${part}`}`;
}

function round(value: number): number {
  if (value >= 100) return Math.round(value);
  return value >= 1 ? Math.round(value * 10) / 10 : Math.round(value * 100) / 100;
}
