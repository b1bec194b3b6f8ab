import { CountDeltas, LevelIndex, STEP_MS } from "@tracer/core";
import { Detector } from "../src/index.ts";
import { START_MS } from "./generator.ts";
import { DAY_STEPS } from "./habits.ts";
import { Random } from "./random.ts";
import { notFiniteIn } from "./replay.ts";

/** Records a minute, and the share of them that are errors, for ever the same. */
export type SteadyMix = readonly [number, number];

export const STEADY_MIXES: readonly SteadyMix[] = [
  [1_000, 0.02],
  [1_000, 0.005],
  [100, 0.05],
  [30, 0.03],
  [3, 0.1],
];

export interface SteadyPlan {
  readonly services: number;
  readonly days: number;
  readonly seed: string;
}

export interface SteadyResult {
  readonly perMinute: number;
  readonly errorShare: number;
  /** Of every kind, from the first minute on, over `serviceWeeks`. */
  readonly alerts: number;
  readonly serviceWeeks: number;
  readonly notFinite: readonly string[];
}

/** Traffic in which nothing ever happens: records come by chance, and each is an error by chance. */
export function runSteady(mix: SteadyMix, { services, days, seed }: SteadyPlan): SteadyResult {
  const [perMinute, errorShare] = mix;
  const random = new Random(`${seed}/steady/${perMinute}/${errorShare}`);
  const detector = new Detector({ seriesMax: services });
  const deltas = new CountDeltas();
  const notFinite: string[] = [];
  const perStep = (perMinute * STEP_MS) / 60_000;
  let alerts = 0;
  for (let step = 0; step < days * DAY_STEPS; step += 1) {
    const startMs = START_MS + step * STEP_MS;
    deltas.clear();
    for (let slot = 0; slot < services; slot += 1) {
      const errors = random.poisson(perStep * errorShare);
      const others = random.poisson(perStep * (1 - errorShare));
      const spread = 0.5 / Math.sqrt(Math.max(errors + others, 1));
      const latencyMs = Math.exp(4 + spread * random.normal());
      if (errors > 0) deltas.add(slot, startMs, LevelIndex.error, latencyMs, errors);
      if (others > 0) deltas.add(slot, startMs, LevelIndex.info, latencyMs, others);
    }
    if (deltas.length > 0) detector.observe(deltas, startMs);
    detector.tickTo(startMs + STEP_MS);
    for (const { state, signal } of detector.takeTransitions()) {
      notFinite.push(...notFiniteIn(signal));
      if (state === "opened") alerts += 1;
    }
  }
  return { perMinute, errorShare, alerts, serviceWeeks: (services * days) / 7, notFinite };
}
