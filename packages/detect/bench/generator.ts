import { DAY_STEPS, HABITS, type Habit, habitBit, STEP_SECONDS } from "./habits.ts";
import {
  errorShareAt,
  type Incident,
  LIMIT_NATS,
  natsOf,
  type PlannedIncident,
  planIncidents,
} from "./incidents.ts";
import { Random } from "./random.ts";
import { drawService, type Service, type ServicePlan } from "./service.ts";

/** A Monday at midnight UTC, where every stream begins. */
export const START_MS = Date.UTC(2026, 0, 5);

/** What a service wrote, step by step from START_MS, and what was wrong when. */
export interface Stream {
  readonly name: string;
  readonly service: Service;
  readonly records: Uint32Array;
  /** Among the records. */
  readonly errors: Uint32Array;
  /** Mean of ln(latency in ms) of the step's records; of no meaning where there are none. */
  readonly logLatency: Float32Array;
  /** Bits of the habits that are at work in a step. */
  readonly habits: Uint16Array;
  readonly incidents: readonly Incident[];
}

export interface StreamPlan extends ServicePlan {
  readonly warmUpDays: number;
}

/** The stream of one name: the same name and plan give the same stream. */
export function generate(name: string, plan: StreamPlan): Stream {
  const random = new Random(name);
  const drawn = drawService(random, plan);
  const planned = planIncidents(random, { ...plan, errorShare: drawn.errorShare });
  // Where errors are to come from nothing there must be none before.
  const fromZero = planned.some(({ fault }) => fault === "error_from_zero");
  const service = fromZero ? { ...drawn, errorShare: 0 } : drawn;
  const steps = plan.days * DAY_STEPS;
  const layout = layOut(service, steps);
  const blips = drawBlips(random, service, steps);
  return walk({ name, random, service, planned, layout, blips });
}

interface Layout {
  readonly factors: Float64Array;
  /** Of the few steps in which it is not 1. */
  readonly latencyFactors: ReadonlyMap<number, number>;
  readonly habits: Uint16Array;
}

function layOut(service: Service, steps: number): Layout {
  const factors = new Float64Array(steps).fill(1);
  const latencyFactors = new Map<number, number>();
  const habits = new Uint16Array(steps);
  for (const { habit, from, end, factor, latencyFactor = 1 } of service.stretches) {
    const bit = habitBit(habit);
    for (let step = from; step < Math.min(end, steps); step += 1) {
      factors[step] = (factors[step] ?? 1) * factor;
      habits[step] = (habits[step] ?? 0) | bit;
      if (latencyFactor !== 1) latencyFactors.set(step, latencyFactor);
    }
  }
  return { factors, latencyFactors, habits };
}

/** Single steps with a heavy-tailed number of errors: a client that retries, a bad request storm. */
function drawBlips(random: Random, service: Service, steps: number): Map<number, number> {
  const blips = new Map<number, number>();
  if (service.blipsPerDay === 0) return blips;
  const gap = () => random.exponential(DAY_STEPS / service.blipsPerDay);
  for (let step = gap(); step < steps; step += gap()) {
    const errors = Math.floor(random.pareto(1.5, 2));
    blips.set(Math.floor(step), Math.min(errors, service.blipErrorsMax));
  }
  return blips;
}

/** A mean-reverting wander of deviation `sd`, remembered for `memorySeconds`. */
function wander(random: Random, sd: number, memorySeconds: number): () => number {
  const keep = Math.exp(-STEP_SECONDS / memorySeconds);
  const add = sd * Math.sqrt(1 - keep * keep);
  let at = 0;
  return () => {
    at = keep * at + add * random.normal();
    return at;
  };
}

interface Known {
  nats: number;
  limitSeconds: number | null;
}

interface Walk {
  readonly name: string;
  readonly random: Random;
  readonly service: Service;
  readonly planned: readonly PlannedIncident[];
  readonly layout: Layout;
  readonly blips: ReadonlyMap<number, number>;
}

function walk({ name, random, service, planned, layout, blips }: Walk): Stream {
  const { factors, latencyFactors, habits } = layout;
  const steps = factors.length;
  const records = new Uint32Array(steps);
  const errors = new Uint32Array(steps);
  const logLatency = new Float32Array(steps);
  const load = wander(random, service.loadSd, service.loadMemorySeconds);
  const share = wander(random, service.errorShareSd, service.loadMemorySeconds);
  const pace = wander(random, service.latencyWanderSd, service.loadMemorySeconds);
  const truth = planned.map((): Known => ({ nats: 0, limitSeconds: null }));
  const { burstShape, recordsPerStep, dayCurve, growthPerDay } = service;
  const logMedian = Math.log(service.latencyMedianMs);
  let next = 0;
  for (let step = 0; step < steps; step += 1) {
    const curve = dayCurve[step % DAY_STEPS] ?? 1;
    const growth = 1 + (growthPerDay * step) / DAY_STEPS;
    const rate = recordsPerStep * curve * growth * (factors[step] ?? 1) * Math.exp(load());
    const errorShare = service.errorShare * Math.exp(share());
    let latency = logMedian + service.latencyLoad * Math.log(curve) + pace();
    latency += Math.log(latencyFactors.get(step) ?? 1);
    let nowRate = rate;
    let nowShare = errorShare;
    while (next < planned.length && step >= (planned[next]?.end ?? 0)) next += 1;
    const incident = planned[next];
    const known = truth[next];
    if (incident !== undefined && known !== undefined && step >= incident.from) {
      nowRate *= incident.rateFactor;
      nowShare = errorShareAt(incident, step, errorShare);
      latency += Math.log(incident.latencyFactor);
      known.nats += natsOf(incident, { ...service, rate, errorShare }, nowShare);
      if (known.nats >= LIMIT_NATS) {
        known.limitSeconds ??= (step - incident.from + 1) * STEP_SECONDS;
      }
    } else {
      const blip = blips.get(step) ?? 0;
      if (blip > 0) habits[step] = (habits[step] ?? 0) | habitBit("error_blip");
      errors[step] = blip;
    }
    if (Number.isFinite(burstShape)) nowRate *= random.gamma(burstShape) / burstShape;
    errors[step] = (errors[step] ?? 0) + random.poisson(nowRate * nowShare);
    const count = random.poisson(nowRate * (1 - nowShare)) + (errors[step] ?? 0);
    records[step] = count;
    logLatency[step] =
      latency + (service.latencySd / Math.sqrt(Math.max(count, 1))) * random.normal();
  }
  const incidents = planned.flatMap((incident, index) => {
    const known = truth[index];
    return known === undefined ? [] : [{ ...incident, ...known }];
  });
  return { name, service, records, errors, logLatency, habits, incidents };
}

/** Names of the habits in a mask of bits. */
export function habitsIn(bits: number): Habit[] {
  return HABITS.filter((habit) => (bits & habitBit(habit)) !== 0);
}
