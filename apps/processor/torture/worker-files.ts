import { join } from "node:path";
import type { Clock } from "@tracer/core";
import type { Announcer } from "../src/announcer.ts";
import type { Observe } from "../src/observe.ts";
import type { PendingState } from "../src/pending-state.ts";
import { restoreState, startSnapshots } from "../src/snapshots.ts";
import { newestStates } from "../src/spill/codec.ts";
import { replaySpill } from "../src/spill/replay.ts";
import { startSpill } from "../src/spill/spill.ts";

/** Often, so that a crash right after one does not have to be waited for. */
const SNAPSHOT_SECONDS = 0.4;
/** A worker has no detector; its snapshots hold what waits for the database. */
const STATE_CONFIG = { seriesMax: 100, latenessSeconds: 10, staleSeconds: 900 };

export interface FilesOptions {
  readonly folder: string;
  readonly receiptMs: () => number;
  readonly clock: Clock;
  readonly observe: Observe;
}

/** What a worker keeps on disk. */
export interface WorkerFiles extends AsyncDisposable {
  /** What the worker before it in this folder could not write to the database. */
  readonly left: readonly PendingState[];
  /** From now on keeps what waits. */
  readonly start: (announcer: Announcer) => void;
}

export function spillPathIn(folder: string): string {
  return join(folder, "spill.log");
}

export function snapshotPathIn(folder: string): string {
  return join(folder, "detector.snapshot");
}

/** Reads what is there, as `startTracer` does. */
export async function openFiles(options: FilesOptions): Promise<WorkerFiles> {
  const { folder, clock, observe, receiptMs } = options;
  const path = snapshotPathIn(folder);
  const spillPath = spillPathIn(folder);
  const state = await restoreState({
    ...{ config: STATE_CONFIG, path, observe },
    receiptMs: receiptMs(),
  });
  const { states, size } = await replaySpill({ path: spillPath, observe });
  const stack = new AsyncDisposableStack();
  return {
    left: newestStates([...state.pending, ...states]),
    start: (announcer) => {
      const { monotonicMs } = clock;
      stack.use(startSpill({ path: spillPath, size, announcer, monotonicMs, observe }));
      const pending = () => announcer.pendingState();
      const snapshotSeconds = SNAPSHOT_SECONDS;
      stack.use(startSnapshots({ path, state, pending, snapshotSeconds, clock, observe }));
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
