import { DAY_STEPS, HOUR_STEPS, STEP_SECONDS } from "./habits.ts";
import type { Random } from "./random.ts";

/** What can go wrong, as often as it stands here. */
const DRAWN = [
  "error_step",
  "error_step",
  "error_burst",
  "error_ramp",
  "error_from_zero",
  "silence",
  "partial_drop",
  "surge",
  "latency_shift",
] as const;

type DrawnFault = (typeof DRAWN)[number];

/** The last three are lines of a kind never written before, by their level: see new-kinds.ts. */
export type Fault = DrawnFault | "new_error" | "new_warning" | "new_info";

/** Kind of signal that a fault asks for. */
export type FaultKind = "error" | "volume" | "latency" | "template";

/** An injected fault over steps [from, end). What does not belong to its kind is neutral. */
export interface PlannedIncident {
  readonly fault: Fault;
  readonly kind: FaultKind;
  readonly from: number;
  readonly end: number;
  /** Error share at its height; 0 for other kinds. */
  readonly errorShare: number;
  /** Steps until the height is reached. */
  readonly rampSteps: number;
  /** Factors on the rate of records and on latency; 1 for other kinds. */
  readonly rateFactor: number;
  readonly latencyFactor: number;
}

/**
 * What could be known of an incident. `nats` is the log-likelihood ratio, summed over its steps, that an observer
 * expects who knows the healthy process exactly and the incident's shape. Per step, with λ the healthy rate
 * of the step at that moment:
 *   error    λ·(b·ln(b/a) + (1−b)·ln((1−b)/(1−a))), a = healthy share, at least 1e-4, b = share now
 *   volume   (λ·f·ln f − λ·f + λ) ÷ φ, f = rate factor, φ = 1 + λ ÷ burst shape + λ·(deviation of the load)²
 *   latency  λ·(ln f)² ÷ (2·(σ² + λ·w²)), σ = deviation of one record, w = deviation of the wander
 */
export interface Incident extends PlannedIncident {
  readonly nats: number;
  /** Seconds until 12 nats were there to be seen; null when they never were. */
  readonly limitSeconds: number | null;
}

/** An incident with less than this is below what anybody can be asked to find. */
export const DETECTABLE_NATS = 15;
export const LIMIT_NATS = 12;
export const INCIDENTS_PER_DAY = 0.8;

/** At most one a day after the warm-up, so that two are hours apart. */
export function planIncidents(
  random: Random,
  { days, warmUpDays, errorShare }: { days: number; warmUpDays: number; errorShare: number },
): PlannedIncident[] {
  const incidents: PlannedIncident[] = [];
  for (let day = warmUpDays; day < days; day += 1) {
    if (!random.chance(INCIDENTS_PER_DAY)) continue;
    const from = day * DAY_STEPS + Math.floor(random.between(1.5, 19.5) * HOUR_STEPS);
    incidents.push(drawIncident(random, from, errorShare));
  }
  return incidents;
}

function drawIncident(random: Random, from: number, errorShare: number): PlannedIncident {
  const fault = random.pick(DRAWN);
  const over = (low: number, high: number) => {
    const steps = Math.round(random.between(low, high) / STEP_SECONDS);
    return { fault, from, end: from + steps };
  };
  const raised = (low: number, high: number) =>
    Math.min(0.9, 2 * errorShare + random.logBetween(low, high));
  const errors = { kind: "error", rampSteps: 0, rateFactor: 1, latencyFactor: 1 } as const;
  const volume = { kind: "volume", errorShare: 0, rampSteps: 0, latencyFactor: 1 } as const;
  switch (fault) {
    case "error_step":
      return { ...over(600, 3_600), ...errors, errorShare: raised(0.05, 0.5) };
    case "error_burst":
      return { ...over(90, 240), ...errors, errorShare: random.between(0.3, 0.8) };
    case "error_ramp": {
      const when = over(2_700, 6_300);
      const rampSteps = 0.8 * (when.end - from);
      return { ...when, ...errors, rampSteps, errorShare: raised(0.1, 0.5) };
    }
    case "error_from_zero":
      return { ...over(300, 1_200), ...errors, errorShare: random.between(0.03, 0.25) };
    case "silence":
      return { ...over(600, 3_600), ...volume, rateFactor: 0 };
    case "partial_drop":
      return { ...over(1_200, 3_600), ...volume, rateFactor: random.between(0.25, 0.6) };
    case "surge":
      return { ...over(600, 2_400), ...volume, rateFactor: random.between(2.5, 6) };
    case "latency_shift": {
      const latencyFactor = random.between(1.5, 4);
      const neutral = { errorShare: 0, rampSteps: 0, rateFactor: 1 };
      return { ...over(900, 3_600), kind: "latency", ...neutral, latencyFactor };
    }
    default:
      return fault satisfies never;
  }
}

/** Share of errors at a step of the incident, given the healthy one. */
export function errorShareAt(incident: PlannedIncident, step: number, healthy: number): number {
  if (incident.kind !== "error") return healthy;
  const { from, rampSteps, errorShare } = incident;
  const height = rampSteps > 0 ? Math.min(1, (step - from) / rampSteps) : 1;
  return healthy + (errorShare - healthy) * height;
}

const HEALTHY_SHARE_MIN = 1e-4;

/** Nats of one step; see Incident. */
export function natsOf(
  incident: PlannedIncident,
  healthy: {
    readonly rate: number;
    readonly errorShare: number;
    readonly burstShape: number;
    readonly loadSd: number;
    readonly latencySd: number;
    readonly latencyWanderSd: number;
  },
  errorShareNow: number,
): number {
  const { rate } = healthy;
  switch (incident.kind) {
    case "error": {
      const a = Math.max(healthy.errorShare, HEALTHY_SHARE_MIN);
      const b = Math.max(errorShareNow, a);
      return rate * (b * Math.log(b / a) + (1 - b) * Math.log((1 - b) / (1 - a)));
    }
    case "volume": {
      const now = rate * incident.rateFactor;
      const spread = 1 + rate / healthy.burstShape + rate * healthy.loadSd ** 2;
      return ((now > 0 ? now * Math.log(incident.rateFactor) : 0) - now + rate) / spread;
    }
    case "latency": {
      const variance = healthy.latencySd ** 2 + rate * healthy.latencyWanderSd ** 2;
      return (rate * Math.log(incident.latencyFactor) ** 2) / (2 * variance);
    }
    case "template":
      return 0; // Counts do not tell.
    default:
      return incident.kind satisfies never;
  }
}
