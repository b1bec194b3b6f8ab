import { setTimeout as pause } from "node:timers/promises";
import { postLogs, traffic } from "../traffic.ts";

export interface CanaryOptions {
  readonly url: string;
  readonly random: () => number;
  readonly stop: AbortSignal;
}

export interface Canary {
  /** Records of it that were acknowledged so far. */
  readonly acknowledged: () => number;
  /** From now on a third of its records are errors. */
  readonly fail: () => void;
  /** Settles when it has stopped. */
  readonly done: Promise<void>;
}

export const CANARY = "canary";
const HISTORY_MS = 3_600_000;
const PER_MINUTE = 300;
const AGAIN_MS = 250;
const BATCH_MS = 1_000;

/** A quiet service in the middle of it all: an hour of history, then a batch a second, each sent until it is taken. */
export async function startCanary({ url, random, stop }: CanaryOptions): Promise<Canary> {
  let acknowledged = 0;
  let errorShare = 0.02;
  const send = async (fromMs: number, toMs: number) => {
    const shape = { service: CANARY, perMinute: PER_MINUTE, errorShare, random };
    const body = traffic({ ...shape, fromMs, toMs });
    while (!stop.aborted) {
      const { status, accepted } = await postLogs(url, body);
      acknowledged += accepted;
      if (status === 202) return;
      await pause(AGAIN_MS);
    }
  };
  let fromMs = Date.now();
  await send(fromMs - HISTORY_MS, fromMs);
  const run = async () => {
    while (!stop.aborted) {
      await pause(BATCH_MS);
      const toMs = Date.now();
      await send(fromMs, toMs);
      fromMs = toMs;
    }
  };
  return {
    acknowledged: () => acknowledged,
    fail: () => {
      errorShare = 0.33;
    },
    done: run(),
  };
}
