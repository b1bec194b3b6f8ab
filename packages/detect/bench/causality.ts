import { generate, type StreamPlan } from "./generator.ts";
import { DAY_STEPS } from "./habits.ts";
import { Random } from "./random.ts";
import { type Alert, replay } from "./replay.ts";
import { TIERS } from "./service.ts";

const CUTS = 3;

/**
 * What was decided for the beginning of the streams must be the beginning of what is decided for all of them. Returns the
 * number of cuts at which it is not.
 */
export function causalityViolations(
  seed: string,
  plan: Omit<StreamPlan, "tier">,
  servicesPerTier: number,
): { cuts: number; decisions: number; violations: number } {
  const random = new Random(`${seed}/causality`);
  const streams = TIERS.flatMap((tier) =>
    Array.from({ length: servicesPerTier }, (_, index) =>
      generate(`${seed}/causality/${tier}-${index}`, { ...plan, tier }),
    ),
  );
  const whole = replay(streams).alerts;
  let violations = 0;
  let decisions = 0;
  for (let cut = 0; cut < CUTS; cut += 1) {
    const steps = Math.floor(random.between(0.5, 1) * plan.days * DAY_STEPS);
    const part = replay(streams, { steps }).alerts;
    decisions += part.length;
    const same = part.every((alert, index) => isSame(alert, whole[index]));
    if (!same) violations += 1;
  }
  return { cuts: CUTS, decisions, violations };
}

function isSame(alert: Alert, other: Alert | undefined): boolean {
  return JSON.stringify(alert) === JSON.stringify(other);
}
