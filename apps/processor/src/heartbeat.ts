import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "@tracer/core";
import { type Loop, startLoop } from "./loop.ts";
import type { Observe } from "./observe.ts";

export interface HeartbeatOptions {
  /** Asked with GET; any 2xx will do. */
  readonly url: string;
  /** Writes to the database and reads it back; throws when that does not work. */
  readonly touchDatabase: () => Promise<void>;
  /** What is missing for Tracer to do its work; empty when it is ready. */
  readonly missing: () => Promise<readonly string[]>;
  readonly clock: Clock;
  readonly observe: Observe;
  /** Between two, default a minute. */
  readonly eachMs?: number;
}

const EACH_MS = 60_000;
const ANSWER_MS_MAX = 10_000;
/** A turn of the event loop that takes longer is none of a process that works. */
const TURN_MS_MAX = 5_000;

type Outcome = "sent" | "refused" | "unreachable" | "self_test_failed";

/** Tells a dead man's switch each minute that all is well, and only then: what it does not hear of, it reports. */
export function startHeartbeat(options: HeartbeatOptions): Loop {
  const { eachMs = EACH_MS, observe } = options;
  const loop = { name: "heartbeat", idleMs: eachMs, isDisposable: true, observe };
  return startLoop(loop, async () => observe({ name: "heartbeat", ...(await beat(options)) }));
}

async function beat(options: HeartbeatOptions): Promise<{ outcome: Outcome; reason: string }> {
  const wrong = await selfTest(options);
  if (wrong !== null) return { outcome: "self_test_failed", reason: wrong };
  try {
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const response = await fetch(options.url, { redirect: "manual", signal });
    await response.body?.cancel();
    const outcome = response.ok ? "sent" : "refused";
    return { outcome, reason: `HTTP ${response.status}` };
  } catch (error) {
    // The error's own text may hold the address, which is a secret.
    const name = error instanceof Error ? error.name : "error";
    return { outcome: "unreachable", reason: name };
  }
}

/** Null when all of it works. */
async function selfTest({ touchDatabase, missing, clock }: HeartbeatOptions) {
  try {
    await touchDatabase();
  } catch {
    return "the database does not take and give back what is written";
  }
  const lacks = await missing();
  if (lacks.length > 0) return lacks.join("; ");
  const startMs = clock.monotonicMs();
  await nextTurn();
  const turnMs = clock.monotonicMs() - startMs;
  return turnMs <= TURN_MS_MAX ? null : `a turn of the event loop takes ${Math.round(turnMs)} ms`;
}
