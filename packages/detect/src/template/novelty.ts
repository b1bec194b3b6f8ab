import { LevelIndex } from "@tracer/core";
import type { KindTable } from "./kind-table.ts";
import { linesBetween, type MessageKind } from "./message-kind.ts";

const HOUR_MS = 3_600_000;
/** Signals of one service in an hour, told one by one; the kinds beyond are one more signal. */
export const SIGNALS_PER_HOUR_MAX = 3;
/** A service is known when it was first heard of this long ago, and was heard in so many different hours. */
export const LEARNING_MS = 36 * HOUR_MS;
export const LEARNING_HOURS_MIN = 12;
/** A new kind that has not been proved within this time is a rare one. */
export const WAITING_MS = HOUR_MS;
/** How long after a kind was given up for want of room a service counts as one of free text. */
export const FREE_TEXT_MS = 48 * HOUR_MS;

/** Kinds of a healthy service that may come for the first time in a day, and yet a first line is enough. */
const NEWCOMERS_A_DAY_MAX = 0.05;
const NEWCOMERS_A_DAY_MIN = 0.01;
/** Wrong findings a day that are allowed when several lines speak. */
const WRONG_A_DAY_MAX = 0.01;
/** Lines that come faster than this after the first say no more: a rare event may be told in a burst. */
const SPAN_HOURS_MIN = 0.05;
/** With fewer lines than this nobody knows how many kinds there are: one more is to be expected. */
const LINES_MIN = 100;
const RARE_OCCASIONS_MAX = 6;
/** A kind with this few lines in all looks like a rare one, even if it was told of. */
const FEW_LINES = 3;
/** More lines in an hour than this many times the usual are a flood: it washes up what is rare. */
const FLOOD_FACTOR = 5;
const FLOOD_LINES_MIN = 10;
/** What a new kind must be of a flood to be its cause, and of all messages to matter at level info. */
const FLOOD_SHARE_MIN = 0.5;
const INFO_SHARE_MIN = 0.25;
const INFO_HITS_MIN = 6;

export interface NoveltyFacts {
  readonly kind: MessageKind;
  readonly table: KindTable;
  /** How long the service had been known when the kind first came. */
  readonly knownMs: number;
  readonly nowMs: number;
  /** Onset of an alert about errors that is out; null when none is. */
  readonly errorSinceMs: number | null;
}

/** Evidence that a kind is new, and the bar it must pass, in nats. */
export interface Novelty {
  readonly evidence: number;
  readonly bar: number;
}

/**
 * How sure it is that a new kind is none of the rare kinds of a healthy service. The kinds that came once
 * or twice tell how many more there are (Good and Turing): a day brings about as many newcomers as there
 * are such kinds per day of learning. Further lines speak against a kind so rare that it never came before:
 * k more of them within a span s have the chance (s ÷ time known)^k ÷ k!.
 */
export function noveltyOf(facts: NoveltyFacts): Novelty {
  const { kind, table, knownMs, nowMs } = facts;
  const more = kind.hits - 1;
  const bar = -Math.log(more === 0 ? NEWCOMERS_A_DAY_MAX : WRONG_A_DAY_MAX);
  if (nowMs - table.evictedMs < FREE_TEXT_MS) return { evidence: 0, bar };
  if (kind.group === 0) return { evidence: isInfoBurst(kind, table, nowMs) ? bar : 0, bar };
  if (kind.level === LevelIndex.fatal) return { evidence: bar, bar };
  const hours = knownMs / HOUR_MS;
  if (isWashedUp(facts)) return { evidence: 0, bar };
  const newcomers = (rareKinds(table, kind) * 24) / hours;
  const span = Math.max(SPAN_HOURS_MIN, (kind.hitMs - kind.firstMs) / HOUR_MS);
  let evidence = -Math.log(Math.max(newcomers, NEWCOMERS_A_DAY_MIN));
  for (let line = 1; line <= more; line += 1) evidence += Math.log((hours * line) / span);
  return { evidence: Math.max(0, evidence), bar };
}

/** A message of level info matters when it is much of what a service says, and has been for minutes. */
function isInfoBurst(kind: MessageKind, table: KindTable, nowMs: number): boolean {
  const sinceMs = nowMs - HOUR_MS / 6;
  const share = linesBetween(kind, sinceMs, nowMs + 1) / table.minutes.sum(sinceMs, nowMs + 1);
  return kind.hits >= INFO_HITS_MIN && share >= INFO_SHARE_MIN;
}

/**
 * In a flood of lines what is rare comes up with the rest, and an alert about errors that is out already
 * shows what is new in them. Then only what makes most of the flood is told of.
 */
function isWashedUp({ kind, table, knownMs, nowMs, errorSinceMs }: NoveltyFacts): boolean {
  const own = linesBetween(kind, nowMs - HOUR_MS, nowMs + 1);
  const recent = table.minutes.sum(nowMs - HOUR_MS, nowMs + 1);
  if (own >= FLOOD_SHARE_MIN * recent) return false;
  const usual = Math.max(0, table.lines - recent) / (knownMs / HOUR_MS);
  const isFlood = recent - own > FLOOD_FACTOR * usual + FLOOD_LINES_MIN;
  return isFlood || (errorSinceMs !== null && kind.firstMs >= errorSinceMs);
}

/** Kinds that came on one occasion, and less and less of those that came on more; one while few lines came at all. */
function rareKinds(table: KindTable, except: MessageKind): number {
  let rare = table.lines - except.lines < LINES_MIN ? 1 : 0;
  for (const kind of table.kinds) {
    if (kind === except || kind.occasions > RARE_OCCASIONS_MAX || kind.state === "waiting")
      continue;
    if (kind.decidedMs === 0 || kind.lines <= FEW_LINES) rare += 0.5 ** (kind.occasions - 1);
  }
  return rare;
}
