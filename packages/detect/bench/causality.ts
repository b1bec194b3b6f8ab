import { DAY_STEPS } from "./habits.ts";
import { Random } from "./random.ts";
import { replay } from "./replay.ts";
import { type RunPlan, streamsOf } from "./run.ts";

export interface Causality {
  readonly cuts: number;
  /** Decisions that were compared. */
  readonly decisions: number;
  /** Cuts at which they differ. */
  readonly violations: number;
}

/**
 * What is decided for the beginning of the streams must be the beginning of what is decided for all of
 * them, wherever they are cut.
 */
export function causalityViolations(plan: RunPlan, cuts = 3): Causality {
  const random = new Random(`${plan.seed}/causality`);
  const streams = streamsOf(plan);
  const whole = replay(streams).alerts;
  let violations = 0;
  let decisions = 0;
  for (let cut = 0; cut < cuts; cut += 1) {
    const steps = Math.floor(random.between(0.75, 1) * plan.days * DAY_STEPS);
    const part = replay(streams, { steps }).alerts;
    decisions += part.length;
    if (!part.every((alert, index) => isSame(alert, whole[index]))) violations += 1;
  }
  return { cuts, decisions, violations };
}

function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
