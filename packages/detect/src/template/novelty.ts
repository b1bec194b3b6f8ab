import { LevelIndex } from "@tracer/core";
import type { KindTable } from "./kind-table.ts";
import { linesBetween, type MessageKind } from "./message-kind.ts";

const HOUR_MS = 3_600_000;
/** A service is known when it was first heard of this long ago, and was heard in so many different hours. */
export const LEARNING_MS = 36 * HOUR_MS;
export const LEARNING_HOURS_MIN = 12;
/** A new kind that has not been proved within this time is a rare one. */
export const WAITING_MS = 2 * HOUR_MS;
/** How long after a kind was given up for want of room a service counts as one of free text. */
export const FREE_TEXT_MS = 48 * HOUR_MS;

/** Kinds of a healthy service that may come for the first time in a day, and yet a first line is enough. */
const NEWCOMERS_A_DAY_MAX = 0.05;
const NEWCOMERS_A_DAY_MIN = 0.01;
/** With fewer lines than this nobody knows how many kinds there are: one more is to be expected. */
const LINES_MIN = 30;
/** A kind with this few lines in all looks like a rare one, even if it was told of. */
const FEW_LINES = 3;
/** More lines in an hour than this many times the usual are a flood: it washes up what is rare. */
const FLOOD_FACTOR = 5;
const FLOOD_LINES_MIN = 10;
/** What a new kind must be of a flood to be its cause, and of all messages to matter at level info. */
const FLOOD_SHARE_MIN = 0.5;
const INFO_SHARE_MIN = 0.25;
const INFO_HITS_MIN = 6;

/** In nats. */
export const NOVELTY_BAR = -Math.log(NEWCOMERS_A_DAY_MAX);

export interface NoveltyFacts {
  readonly kind: MessageKind;
  readonly table: KindTable;
  /** How long the service has been known. */
  readonly knownMs: number;
  readonly nowMs: number;
}

/**
 * Evidence that a new kind is none of the rare kinds of a healthy service, in nats; NOVELTY_BAR is enough.
 * The kinds that were seen only once tell how many more there are (Good and Turing): a day brings about as
 * many newcomers as there are such kinds per day of learning. Each further line, half a minute or more
 * after the one before, speaks against a kind so rare that it never came in all that time.
 */
export function noveltyOf({ kind, table, knownMs, nowMs }: NoveltyFacts): number {
  if (nowMs - table.evictedMs < FREE_TEXT_MS) return 0;
  const hourAgoMs = nowMs - HOUR_MS;
  const own = linesBetween(kind, hourAgoMs, nowMs + 1);
  const recent = table.minutes.sum(hourAgoMs, nowMs + 1);
  const share = recent > 0 ? own / recent : 0;
  if (kind.group === 0) {
    const sinceMs = nowMs - HOUR_MS / 6;
    const burst = linesBetween(kind, sinceMs, nowMs + 1) / table.minutes.sum(sinceMs, nowMs + 1);
    return kind.hits >= INFO_HITS_MIN && burst >= INFO_SHARE_MIN ? NOVELTY_BAR : 0;
  }
  if (kind.level === LevelIndex.fatal) return NOVELTY_BAR;
  const hours = knownMs / HOUR_MS;
  const usual = Math.max(0, table.lines - recent) / hours;
  const others = recent - own;
  const isFlood = others > FLOOD_FACTOR * usual + FLOOD_LINES_MIN;
  if (isFlood && share < FLOOD_SHARE_MIN) return 0;
  const unknown = table.lines - kind.lines < LINES_MIN ? 1 : 0;
  const newcomers = ((rareKinds(table, kind) + unknown) * 24) / hours;
  const first = -Math.log(Math.max(newcomers, NEWCOMERS_A_DAY_MIN));
  return Math.max(0, first + (kind.hits - 1) * Math.log(hours));
}

/** Kinds that came on one occasion only. */
function rareKinds(table: KindTable, except: MessageKind): number {
  let rare = 0;
  for (const kind of table.kinds) {
    if (kind === except || kind.occasions > 1 || kind.state === "waiting") continue;
    if (kind.decidedMs === 0 || kind.lines <= FEW_LINES) rare += 1;
  }
  return rare;
}
