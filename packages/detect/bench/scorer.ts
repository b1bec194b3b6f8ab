import { STEP_MS } from "@tracer/core";
import { habitsIn, START_MS, type Stream } from "./generator.ts";
import { DAY_STEPS, type Habit, MINUTE_STEPS } from "./habits.ts";
import { DETECTABLE_NATS, type Fault, type FaultKind, type Incident } from "./incidents.ts";
import type { Alert } from "./replay.ts";
import type { Tier } from "./service.ts";

/*
 * The protocol. An alert of the incident's kind from its start to 5 minutes after its end finds it; the
 * first counts, others are repeats. An alert of another kind during an incident is of a wrong kind. What
 * opens up to 15 minutes after an incident is its aftermath and counts for nothing. Everything else after
 * the warm-up is a false alarm. Alerts of the first day are the cold start.
 */
const GRACE_MS = 300_000;
const NEUTRAL_MS = 900_000;
const DAY_MS = 86_400_000;
/** A signal that ends no more than this before its incident counts as having seen it through. */
const EARLY_END_MS = 60_000;
/** An alarm is put down to what the service was doing within this time before it. */
const CAUSE_STEPS = 10 * MINUTE_STEPS;

export type Role =
  | "cold_start"
  | "warm_up"
  | "found"
  | "repeat"
  | "wrong_kind"
  | "aftermath"
  | "false";

/** What became of one alert that opened. */
export interface JudgedAlert {
  readonly tier: Tier;
  readonly role: Role;
  readonly kind: FaultKind;
  readonly part: string;
  readonly stream: string;
  readonly atMs: number;
  readonly habits: readonly Habit[];
  readonly sentence: string;
}

/** What became of one incident. */
export interface JudgedIncident {
  readonly tier: Tier;
  readonly fault: Fault;
  readonly kind: FaultKind;
  readonly stream: string;
  readonly fromMs: number;
  readonly nats: number;
  readonly detectable: boolean;
  readonly limitSeconds: number | null;
  /** From its start to the first alert; null: missed. */
  readonly delaySeconds: number | null;
  readonly repeats: number;
  /** From its end to the end of the signal, negative when that came first; null: never ended. */
  readonly resolveSeconds: number | null;
}

export interface Verdict {
  readonly alerts: readonly JudgedAlert[];
  readonly incidents: readonly JudgedIncident[];
  /** Per tier: series, and days in which false alarms were counted over all of them. */
  readonly series: Record<Tier, number>;
  readonly seriesDays: Record<Tier, number>;
  /** Days in which each habit was at work, or had been within CAUSE_STEPS, while alarms were counted. */
  readonly habitDays: ReadonlyMap<Habit, number>;
}

export function judge(
  streams: readonly Stream[],
  alerts: readonly Alert[],
  { warmUpDays, days }: { warmUpDays: number; days: number },
): Verdict {
  const series = { low: 0, mid: 0, high: 0 };
  const judgedAlerts: JudgedAlert[] = [];
  const judgedIncidents: JudgedIncident[] = [];
  const habitDays = new Map<Habit, number>();
  const fromMs = START_MS + warmUpDays * DAY_MS;
  const endMs = START_MS + days * DAY_MS;
  for (const [index, stream] of streams.entries()) {
    series[stream.service.tier] += 1;
    const own = alerts.filter((alert) => alert.stream === index);
    const found = new Set<Incident>();
    for (const alert of own) {
      const { kind, part, sentence, atMs } = alert;
      if (alert.state !== "opened" || atMs >= endMs) continue;
      if (kind === "pipeline" || kind === "metric") continue;
      const role = roleOf(alert, kind, { stream, fromMs, found });
      const habits = habitsBefore(stream, atMs);
      const { name, service } = stream;
      const { tier } = service;
      judgedAlerts.push({ tier, role, kind, part, stream: name, atMs, habits, sentence });
    }
    for (const incident of stream.incidents) {
      judgedIncidents.push(outcomeOf(incident, stream, own));
    }
    addHabitDays(habitDays, stream, warmUpDays * DAY_STEPS);
  }
  const counted = days - warmUpDays;
  const { low, mid, high } = series;
  return {
    alerts: judgedAlerts,
    incidents: judgedIncidents,
    series,
    seriesDays: { low: low * counted, mid: mid * counted, high: high * counted },
    habitDays,
  };
}

/** Several runs as one. */
export function pooled(verdicts: readonly Verdict[]): Verdict {
  const sum = (pick: (verdict: Verdict) => number) =>
    verdicts.reduce((total, verdict) => total + pick(verdict), 0);
  const habitDays = new Map<Habit, number>();
  for (const verdict of verdicts) {
    for (const [habit, days] of verdict.habitDays) {
      habitDays.set(habit, (habitDays.get(habit) ?? 0) + days);
    }
  }
  return {
    alerts: verdicts.flatMap(({ alerts }) => alerts),
    incidents: verdicts.flatMap(({ incidents }) => incidents),
    series: {
      low: sum(({ series }) => series.low),
      mid: sum(({ series }) => series.mid),
      high: sum(({ series }) => series.high),
    },
    seriesDays: {
      low: sum(({ seriesDays }) => seriesDays.low),
      mid: sum(({ seriesDays }) => seriesDays.mid),
      high: sum(({ seriesDays }) => seriesDays.high),
    },
    habitDays,
  };
}

function msOf(step: number): number {
  return START_MS + step * STEP_MS;
}

function roleOf(
  { atMs }: Alert,
  kind: FaultKind,
  context: { readonly stream: Stream; readonly fromMs: number; readonly found: Set<Incident> },
): Role {
  const { stream, fromMs, found } = context;
  if (atMs < fromMs) return atMs < START_MS + DAY_MS ? "cold_start" : "warm_up";
  const near = stream.incidents.find(
    ({ from, end }) => atMs >= msOf(from) && atMs <= msOf(end) + NEUTRAL_MS,
  );
  if (near === undefined) return "false";
  const sinceEndMs = atMs - msOf(near.end);
  if (near.kind !== kind) return sinceEndMs <= 0 ? "wrong_kind" : "aftermath";
  if (sinceEndMs > GRACE_MS) return "aftermath";
  if (found.has(near)) return "repeat";
  found.add(near);
  return "found";
}

function outcomeOf(incident: Incident, stream: Stream, own: readonly Alert[]): JudgedIncident {
  const { fault, kind, nats, limitSeconds } = incident;
  const startMs = msOf(incident.from);
  const endMs = msOf(incident.end);
  const ofKind = own.filter((alert) => alert.kind === kind && alert.atMs >= startMs);
  const opened = ofKind.filter(({ state, atMs }) => state === "opened" && atMs <= endMs + GRACE_MS);
  const [first] = opened;
  const ended = ofKind.find(
    ({ state, atMs }) =>
      state === "resolved" &&
      first !== undefined &&
      atMs >= Math.max(first.atMs, endMs - EARLY_END_MS),
  );
  return {
    tier: stream.service.tier,
    fault,
    kind,
    stream: stream.name,
    fromMs: startMs,
    nats,
    detectable: nats >= DETECTABLE_NATS,
    limitSeconds,
    delaySeconds: first === undefined ? null : (first.atMs - startMs) / 1000,
    repeats: Math.max(0, opened.length - 1),
    resolveSeconds: ended === undefined ? null : (ended.atMs - endMs) / 1000,
  };
}

/** An alert at the end of a step was decided by that step and those before it. */
function habitsBefore(stream: Stream, atMs: number): Habit[] {
  const end = Math.round((atMs - START_MS) / STEP_MS);
  let bits = 0;
  for (let step = Math.max(0, end - CAUSE_STEPS); step < end; step += 1) {
    bits |= stream.habits[step] ?? 0;
  }
  return habitsIn(bits);
}

function addHabitDays(habitDays: Map<Habit, number>, stream: Stream, fromStep: number): void {
  const seen = new Map<number, number>();
  const steps = stream.habits.length;

  for (let step = fromStep; step < steps; step += MINUTE_STEPS) {
    let bits = 0;
    for (let back = Math.max(0, step - CAUSE_STEPS); back <= step; back += 1) {
      bits |= stream.habits[back] ?? 0;
    }
    if (bits !== 0) seen.set(bits, (seen.get(bits) ?? 0) + 1);
  }
  for (const [bits, minutes] of seen) {
    for (const habit of habitsIn(bits)) {
      habitDays.set(habit, (habitDays.get(habit) ?? 0) + minutes / 1_440);
    }
  }
}
