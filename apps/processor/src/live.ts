import type { Clock } from "@tracer/core";
import { listIncidents, type Pool } from "@tracer/store";
import type { LiveEvents } from "./live-events.ts";
import { type Loop, startLoop } from "./loop.ts";
import type { Observe } from "./observe.ts";

export interface LiveOptions {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly events: LiveEvents;
}

const LIVE_MS = 1_000;
/** Newest incidents that are watched for changes. */
const WATCHED_MAX = 50;

/** Once a second: counts for the pages that listen, and what changed among the newest incidents. */
export function startLive({ pool, clock, observe, events }: LiveOptions): Loop {
  let lastMs = clock.monotonicMs();
  return startLoop({ name: "live", idleMs: LIVE_MS, isDisposable: true, observe }, async () => {
    const nowMs = clock.monotonicMs();
    events.counts((nowMs - lastMs) / 1e3);
    lastMs = nowMs;
    if (events.listenerCount === 0) return;
    const { incidents } = await listIncidents(pool, { limit: WATCHED_MAX });
    events.incidents(incidents);
  });
}
