import { isUnavailable } from "./database.ts";
import type { Observe } from "./observe.ts";

/**
 * Something done again and again until it is stopped: each round after `idleMs`, or at once when woken.
 * A round that fails is reported and tried again; the loop itself never rejects.
 */
export interface Loop extends AsyncDisposable {
  /** Runs the next round now, or right after the one that is running. */
  readonly wake: () => void;
}

export interface LoopOptions {
  readonly name: string;
  /** Pause after a round. With `jitter` (0 to 1) it varies by this share on both sides. */
  readonly idleMs: number;
  readonly jitter?: number;
  /** What it does is needed by nobody any more once it is disposed: then the round in hand is not waited for. */
  readonly isDisposable?: boolean;
  readonly observe: Observe;
}

/** A failing loop waits this long at the most. */
const FAILED_PAUSE_MS_MAX = 2_000;
/** Shorter, so that a database that is back is noticed at once; asking in vain costs nothing (its breaker). */
const AWAY_PAUSE_MS = 250;

/** Starts the loop. Disposing it waits for the round in hand. */
export function startLoop(options: LoopOptions, round: () => Promise<void> | void): Loop {
  const { name, idleMs, jitter = 0, observe } = options;
  let stopped = false;
  let failures = 0;
  let away = false;
  let wake: () => void = () => {};
  let woken = false;

  const pause = async () => {
    const spread = 1 + jitter * (Math.random() * 2 - 1);
    const backoffMs = Math.min(FAILED_PAUSE_MS_MAX, Math.max(idleMs, 100 * 2 ** failures));
    const failedMs = away ? Math.min(AWAY_PAUSE_MS, backoffMs) : backoffMs;
    if (stopped || (woken && failures === 0)) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, failures > 0 ? failedMs : idleMs * spread);
      wake = () => {
        if (failures > 0 && !stopped) return; // Being woken does not hurry a database that is away.
        clearTimeout(timer);
        resolve();
      };
    });
  };
  const run = async () => {
    while (!stopped) {
      woken = false;
      try {
        await round();
        if (failures > 0) observe({ name: "loop_recovered", loop: name, failures, away });
        failures = 0;
      } catch (error) {
        failures += 1;
        away = isUnavailable(error);
        if (failures === 1) observe({ name: "loop_failed", loop: name, error });
      }
      await pause();
    }
  };
  const running = run();
  return {
    wake: () => {
      woken = true;
      wake();
    },
    [Symbol.asyncDispose]: async () => {
      stopped = true;
      wake();
      if (options.isDisposable !== true) await running;
    },
  };
}
