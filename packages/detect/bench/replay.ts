import { CountDeltas, type Kind, LevelIndex, STEP_MS } from "@tracer/core";
import { Detector, type Transition } from "../src/index.ts";
import { START_MS, type Stream } from "./generator.ts";
import { HOUR_STEPS } from "./habits.ts";

/** Something opened or ended. Times are those that the user is told: ends of steps. */
export interface Alert {
  /** Index in the list of streams. */
  readonly stream: number;
  readonly kind: Kind;
  readonly part: string;
  readonly state: "opened" | "resolved";
  readonly atMs: number;
  readonly sentence: string;
}

export interface Replay {
  readonly alerts: readonly Alert[];
  /** Paths of numbers in signals that were not finite. */
  readonly notFinite: readonly string[];
}

export interface ReplayOptions {
  /** Ends here, as if there were no more. Default: all steps. */
  readonly steps?: number;
  /** Whether the latencies of a step differ among each other, as in lines, or all are their mean. Default true. */
  readonly latencySpread?: boolean;
}

/**
 * Streams through one detector as `tracer detect` gives them: a batch for every step, then event time up
 * to the next; at the end event time goes on by the lateness.
 */
export function replay(streams: readonly Stream[], options: ReplayOptions = {}): Replay {
  const detector = new Detector({ seriesMax: Math.max(streams.length, 1) });
  const deltas = new CountDeltas();
  const alerts: Alert[] = [];
  const notFinite: string[] = [];
  const steps = options.steps ?? streams[0]?.records.length ?? 0;
  const latenessMs = 10_000;
  const take = () => {
    for (const transition of detector.takeTransitions()) {
      notFinite.push(...notFiniteIn(transition.signal));
      if (transition.state !== "changed") alerts.push(alertOf(transition, transition.state));
    }
  };
  for (let step = 0; step < steps; step += 1) {
    const startMs = START_MS + step * STEP_MS;
    deltas.clear();
    for (const [slot, stream] of streams.entries()) {
      fill(deltas, slot, stream, step, options.latencySpread !== false);
    }
    if (deltas.length > 0) detector.observe(deltas, startMs);
    detector.tickTo(startMs + STEP_MS);
    take();
    if (step % HOUR_STEPS === 0) notFinite.push(...notFiniteIn(detector.openSignals()));
  }
  detector.tickTo(START_MS + steps * STEP_MS + latenessMs);
  take();
  return { alerts, notFinite };
}

/** A transition as the scorer wants it. */
export function alertOf({ signal }: Transition, state: Alert["state"]): Alert {
  const { slot, kind, part, evidence } = signal;
  const atMs = state === "opened" ? signal.decidedMs : signal.lastStepMs;
  return { stream: slot, kind, part, state, atMs, sentence: evidence.sentence };
}

function fill(deltas: CountDeltas, slot: number, stream: Stream, step: number, spread: boolean) {
  const records = stream.records[step] ?? 0;
  if (records === 0) return;
  const atMs = START_MS + step * STEP_MS;
  const errors = stream.errors[step] ?? 0;
  const middle = stream.logLatency[step] ?? 0;
  const sd = spread ? stream.service.latencySd : 0;
  for (const [level, count] of [
    [LevelIndex.info, records - errors],
    [LevelIndex.error, errors],
  ] as const) {
    if (count === 0) continue;
    // Half of them as far above the mean as the other half below: the mean and the spread of the step.
    const half = sd > 0 ? count >> 1 : 0;
    if (half > 0) {
      deltas.add(slot, atMs, level, Math.exp(middle + sd), half);
      deltas.add(slot, atMs, level, Math.exp(middle - sd), half);
    }
    if (count > 2 * half) deltas.add(slot, atMs, level, Math.exp(middle), count - 2 * half);
  }
}

/** Paths of numbers that are not finite, of texts that show one, and of what is undefined. */
export function notFiniteIn(value: unknown, path = "$"): string[] {
  if (typeof value === "number") return Number.isFinite(value) ? [] : [path];
  if (typeof value === "string") return /NaN|Infinity|undefined/.test(value) ? [path] : [];
  if (value === undefined) return [path];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => notFiniteIn(each, `${path}.${key}`));
}
