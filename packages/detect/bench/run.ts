import { generate, type Stream } from "./generator.ts";
import { type Replay, replay } from "./replay.ts";
import { judge, type Verdict } from "./scorer.ts";
import { type Structure, TIERS } from "./service.ts";

/** Days before incidents come and alarms count. */
export const WARM_UP_DAYS = 7;

export interface RunPlan {
  readonly seed: string;
  readonly structure: Structure;
  readonly days: number;
  readonly servicesPerTier: number;
  readonly holidayDay: number | null;
}

/** The streams of a seed: the same services and incidents whatever else is in the plan, as far as can be. */
export function streamsOf(plan: RunPlan): Stream[] {
  const { seed, servicesPerTier } = plan;
  return TIERS.flatMap((tier) =>
    Array.from({ length: servicesPerTier }, (_, index) =>
      generate(`${seed}/${tier}-${index}`, { ...plan, tier, warmUpDays: WARM_UP_DAYS }),
    ),
  );
}

/** Streams through the detector, and what came of it. The judge outside gives every record of a step one latency. */
export function judgeStreams(
  streams: readonly Stream[],
  { structure, days }: Pick<RunPlan, "structure" | "days">,
): { verdict: Verdict; notFinite: Replay["notFinite"] } {
  const { alerts, notFinite } = replay(streams, { latencySpread: structure !== "plain" });
  return { verdict: judge(streams, alerts, { warmUpDays: WARM_UP_DAYS, days }), notFinite };
}
