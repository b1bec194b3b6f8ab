import type { Fault, FaultKind } from "./incidents.ts";
import type { JudgedIncident, Verdict } from "./scorer.ts";
import { TIERS, type Tier } from "./service.ts";

export type Group = Tier | "all";

export const GROUPS: readonly Group[] = [...TIERS, "all"];

/** What is measured of one group of series. Null: there was nothing to measure it on. */
export interface Figures {
  readonly detectable: number;
  readonly found: number;
  readonly recall: number | null;
  readonly belowLimit: number;
  readonly belowLimitFound: number;
  readonly precision: number | null;
  readonly delayMedian: number | null;
  readonly delayP90: number | null;
  /** Median of the delay less the time that the information needs. */
  readonly overLimitMedian: number | null;
  readonly falseAlarmCount: number;
  /** Per series-day. */
  readonly falseAlarms: number;
  readonly falseAlarmsByKind: Record<FaultKind, number>;
  /** Per incident. */
  readonly wrongKind: number | null;
  readonly repeats: number | null;
  /** Share of those found, and seconds after the incident's end. */
  readonly resolved: number | null;
  readonly resolveMedian: number | null;
  /** Alerts per series. */
  readonly coldStart: number;
  readonly warmUp: number;
}

export interface FaultFigures {
  readonly fault: Fault;
  readonly detectable: number;
  readonly found: number;
  readonly delayMedian: number | null;
  readonly overLimitMedian: number | null;
}

export function figuresOf(verdict: Verdict, group: Group): Figures {
  const inGroup = ({ tier }: { tier: Tier }) => group === "all" || tier === group;
  const alerts = verdict.alerts.filter(inGroup);
  const incidents = verdict.incidents.filter(inGroup);
  const sum = (by: Record<Tier, number>) =>
    TIERS.filter((tier) => inGroup({ tier })).reduce((total, tier) => total + by[tier], 0);
  const seriesDays = sum(verdict.seriesDays);
  const series = sum(verdict.series);
  const countOf = (role: string) => alerts.filter((alert) => alert.role === role).length;
  const falseOf = (kind: FaultKind) =>
    alerts.filter((alert) => alert.role === "false" && alert.kind === kind).length / seriesDays;
  const detectable = incidents.filter((incident) => incident.detectable);
  const below = incidents.filter((incident) => !incident.detectable);
  const found = detectable.filter(isFound);
  const belowFound = below.filter(isFound);
  const falseAlarmCount = countOf("false");
  const right = found.length + belowFound.length;
  const resolves = found.flatMap(({ resolveSeconds }) => resolveSeconds ?? []);
  return {
    detectable: detectable.length,
    found: found.length,
    recall: ratio(found.length, detectable.length),
    belowLimit: below.length,
    belowLimitFound: belowFound.length,
    precision: ratio(right, right + falseAlarmCount),
    delayMedian: quantile(delaysOf(found), 0.5),
    delayP90: quantile(delaysOf(found), 0.9),
    overLimitMedian: quantile(overLimitOf(found), 0.5),
    falseAlarmCount,
    falseAlarms: falseAlarmCount / seriesDays,
    falseAlarmsByKind: {
      error: falseOf("error"),
      volume: falseOf("volume"),
      latency: falseOf("latency"),
      template: falseOf("template"),
    },
    wrongKind: ratio(countOf("wrong_kind"), incidents.length),
    repeats: ratio(
      found.reduce((total, { repeats }) => total + repeats, 0),
      found.length,
    ),
    resolved: ratio(resolves.length, found.length),
    resolveMedian: quantile(resolves, 0.5),
    coldStart: countOf("cold_start") / series,
    warmUp: countOf("warm_up") / series,
  };
}

/** Recall and delay of one kind of fault. */
export function faultFiguresOf(verdict: Verdict, group: Group, fault: Fault): FaultFigures {
  const detectable = verdict.incidents.filter(
    (incident) =>
      incident.detectable &&
      incident.fault === fault &&
      (group === "all" || incident.tier === group),
  );
  const found = detectable.filter(isFound);
  return {
    fault,
    detectable: detectable.length,
    found: found.length,
    delayMedian: quantile(delaysOf(found), 0.5),
    overLimitMedian: quantile(overLimitOf(found), 0.5),
  };
}

/** Recall of one kind of signal. */
export function recallOf(verdict: Verdict, group: Group, kind: FaultKind): [number, number] {
  const detectable = verdict.incidents.filter(
    (incident) =>
      incident.detectable && incident.kind === kind && (group === "all" || incident.tier === group),
  );
  return [detectable.filter(isFound).length, detectable.length];
}

function isFound({ delaySeconds }: JudgedIncident): boolean {
  return delaySeconds !== null;
}

function delaysOf(found: readonly JudgedIncident[]): number[] {
  return found.flatMap(({ delaySeconds }) => delaySeconds ?? []);
}

function overLimitOf(found: readonly JudgedIncident[]): number[] {
  return found.map(({ delaySeconds, limitSeconds }) => (delaySeconds ?? 0) - (limitSeconds ?? 0));
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

/** The value below which `share` of the others lie; of an even number the lower one in the middle. */
export function quantile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((left, right) => left - right);
  const last = sorted.length - 1;
  const index = share === 0.5 ? Math.floor(last / 2) : Math.floor(share * sorted.length);
  return sorted[Math.min(last, index)] ?? null;
}
