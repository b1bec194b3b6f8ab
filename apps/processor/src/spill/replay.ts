import { type FileHandle, open } from "node:fs/promises";
import type { Observe } from "../observe.ts";
import type { PendingState } from "../pending-state.ts";
import { keepAside } from "../snapshot-file.ts";
import { readSpillRecords } from "./codec.ts";
import { SPILL_BYTES_MAX } from "./spill.ts";

export interface Replay {
  /** One for each fingerprint. */
  readonly states: readonly PendingState[];
  /** Bytes that stay in the file until the states are in the database. */
  readonly size: number;
}

export interface ReplayOptions {
  readonly path: string;
  readonly observe: Observe;
  /** Default SPILL_BYTES_MAX: we never write more, so nothing beyond it is ours. */
  readonly bytesMax?: number;
}

/**
 * What a process before this one could not write to the database. Whatever is wrong with the file is
 * said, and what can be read is read; it never rejects.
 */
export async function replaySpill(options: ReplayOptions): Promise<Replay> {
  const { path, observe, bytesMax = SPILL_BYTES_MAX } = options;
  try {
    const bytes = await readFile(path, bytesMax);
    if (bytes.length === 0) return { states: [], size: 0 };
    const { states, records, damaged, isNewer } = readSpillRecords(bytes);
    const size = bytes.length;
    observe({ name: "spill_replayed", path, signals: states.length, records, damaged });
    if (!isNewer) return { states, size };
    observe({ name: "spill_refused", path, keptAs: await keepAside(path) });
    return { states, size: 0 };
  } catch (error) {
    observe({ name: "spill_failed", path, error });
    return { states: [], size: 0 };
  }
}

async function readFile(path: string, bytesMax: number): Promise<Buffer> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT")
      return Buffer.alloc(0);
    throw error;
  }
  try {
    const bytes = Buffer.alloc(Math.min((await file.stat()).size, bytesMax));
    let got = 0;
    while (got < bytes.length) {
      const { bytesRead } = await file.read(bytes, got, bytes.length - got, got);
      if (bytesRead === 0) break;
      got += bytesRead;
    }
    return bytes.subarray(0, got);
  } finally {
    await file.close();
  }
}
