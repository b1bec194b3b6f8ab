import { randomInt } from "node:crypto";
import { join, resolve } from "node:path";
import { type Clock, TracerError } from "@tracer/core";
import { Detector, IDLE_SECONDS, TemplateBook } from "@tracer/detect";
import { loadNames, SeriesDirectory, saveNames } from "@tracer/ingest";
import * as store from "@tracer/store";
import type { Config } from "./config.ts";
import { startLoop } from "./loop.ts";
import type { Observe } from "./observe.ts";
import { type PendingState, pendingOfBytes, pendingToBytes } from "./pending-state.ts";
import { type Frame, keepAside, readSnapshot, writeSnapshot } from "./snapshot-file.ts";
import { loadTemplates, templateFrames } from "./template-frames.ts";

/** Processes that share a DATA_DIR; one more runs without snapshots. */
export const SLOT_FOLDERS_MAX = 64;
/** How often it is looked whether a snapshot is due. */
export const LOOK_MS = 200;

/** What the detector knows, and whose it is. */
export interface DetectorState {
  readonly directory: SeriesDirectory;
  readonly detector: Detector;
  readonly templates: TemplateBook;
}

/** What the last process left. */
export interface RestoredState extends DetectorState {
  /** What it could not write, the database being away. */
  readonly pending: readonly PendingState[];
}

/** What of the configuration a detector's state depends on. */
type StateConfig = Pick<Config, "seriesMax" | "latenessSeconds" | "staleSeconds">;

/** A detector that has seen nothing. */
export function createState(config: StateConfig): DetectorState {
  const { seriesMax, latenessSeconds, staleSeconds } = config;
  // Another at each start, so that nobody can choose names that all fall into one place.
  const directory = new SeriesDirectory({ seriesMax, seed: randomInt(2 ** 32) });
  const detector = new Detector({ seriesMax: directory.slotsMax, latenessSeconds, staleSeconds });
  return { directory, detector, templates: new TemplateBook() };
}

/** Where this process keeps its snapshot. */
export interface SnapshotPlace extends Disposable {
  /** Null: nowhere, and that was said. */
  readonly path: string | null;
  /** Where it keeps what waits for the database; null with `path`. */
  readonly spillPath: string | null;
  /** The folder of both, if others may be beside it; else null. */
  readonly slotFolder: string | null;
}

/**
 * Finds the place. Embedded: DATA_DIR, which the database has locked. With DATABASE_URL: the lowest
 * DATA_DIR/slot-N that no other process has, so that each finds what one like it has left. A folder that
 * cannot be used costs the snapshots, not the start: counts can be learned anew.
 */
export async function openSnapshotPlace(config: Config, observe: Observe): Promise<SnapshotPlace> {
  const dataDir = resolve(config.dataDir);
  const nothing = { [Symbol.dispose]: () => {} };
  if (config.databaseUrl === null) return { ...pathsIn(dataDir), slotFolder: null, ...nothing };
  let reason = `all ${SLOT_FOLDERS_MAX} folders in ${dataDir} are in use`;
  for (let slot = 0; slot < SLOT_FOLDERS_MAX; slot += 1) {
    try {
      const lock = await store.lockFolder(join(dataDir, `slot-${slot}`));
      const slotFolder = lock.folder;
      return { ...pathsIn(slotFolder), slotFolder, [Symbol.dispose]: () => lock[Symbol.dispose]() };
    } catch (error) {
      if (!(error instanceof TracerError)) throw error;
      if (error.code === "DATA_DIR_LOCKED") continue;
      reason = error.message;
      break;
    }
  }
  observe({ name: "snapshots_off", reason });
  return { path: null, spillPath: null, slotFolder: null, ...nothing };
}

function pathsIn(folder: string) {
  return { path: join(folder, "detector.snapshot"), spillPath: join(folder, "spill.log") };
}

export interface RestoreOptions {
  readonly config: StateConfig;
  /** Null: there is none, and the detector starts with nothing. */
  readonly path: string | null;
  /** Receipt time now, ms since the epoch. */
  readonly receiptMs: number;
  readonly observe: Observe;
}

/**
 * The detector as it was at the last snapshot, or a new one where there is none or none that can be
 * used: that is said, and the file kept aside. Never rejects because of what is in the file.
 */
export async function restoreState(options: RestoreOptions): Promise<RestoredState> {
  const { config, path, receiptMs, observe } = options;
  const nothing = () => ({ ...createState(config), pending: [] });
  if (path === null) return nothing();
  try {
    const state = createState(config);
    const { savedMs, pending } = await loadState(path, state);
    // A detector that had seen nothing may have had what the process before it left.
    if (!Number.isFinite(savedMs)) return { ...nothing(), pending };
    const gapSeconds = Math.max(0, receiptMs - savedMs) / 1000;
    if (gapSeconds > IDLE_SECONDS) {
      observe({ name: "snapshot_outdated", gapSeconds });
      return { ...nothing(), pending };
    }
    state.detector.resume(receiptMs);
    state.templates.resume(gapSeconds * 1000);
    dropOrphans(state);
    const services = state.directory.size;
    const openSignals = state.detector.openSignals().length;
    observe({ name: "snapshot_restored", services, openSignals, gapSeconds });
    return { ...state, pending };
  } catch (error) {
    if (!(error instanceof TracerError) || error.code !== "SNAPSHOT_INVALID") throw error;
    const { code, message: reason } = error;
    observe({ name: "snapshot_refused", code, reason, keptAs: await keepAside(path) });
    return nothing();
  }
}

/** `savedMs`: receipt time of what was loaded; -Infinity when there was nothing. */
async function loadState(
  path: string,
  { directory, detector, templates }: DetectorState,
): Promise<{ savedMs: number; pending: readonly PendingState[] }> {
  let savedMs: number | null = null;
  let pending: readonly PendingState[] = [];
  for await (const { kind, bytes } of readSnapshot(path)) {
    if ((kind === "head") !== (savedMs === null)) {
      throw new TracerError("SNAPSHOT_INVALID", "The snapshot cannot be used: it has no one head.");
    }
    if (kind === "head") savedMs = detector.loadHead(bytes).savedMs;
    else if (kind === "names") loadNames(directory, bytes);
    else if (kind === "pending") pending = pendingOfBytes(bytes);
    else if (kind === "templates") loadTemplates(templates, directory, bytes);
    else detector.loadSlots(bytes);
  }
  return { savedMs: savedMs ?? Number.NEGATIVE_INFINITY, pending };
}

/** A name without counts was refused with its batch; counts without a name are nobody's. Neither may stay. */
function dropOrphans({ directory, detector, templates }: DetectorState): void {
  for (let slot = 0; slot < Math.max(directory.slotEnd, detector.slotEnd); slot += 1) {
    if (directory.has(slot) === detector.has(slot)) continue;
    directory.release(slot);
    detector.release(slot);
    templates.release(slot);
  }
  detector.takeTransitions();
  templates.takeTransitions();
}

export interface SnapshotsOptions {
  readonly path: string | null;
  readonly state: DetectorState;
  /** What waits for the database; nothing when it is not given. */
  readonly pending?: () => readonly PendingState[];
  readonly snapshotSeconds: number;
  readonly clock: Clock;
  readonly observe: Observe;
}

/**
 * Writes the state each `snapshotSeconds`, and when it is disposed. A disk that is full or read-only is
 * reported once, and once when it is over; the detector goes on.
 */
export function startSnapshots(options: SnapshotsOptions): AsyncDisposable {
  const { path, state, pending = () => [], snapshotSeconds, clock, observe } = options;
  if (path === null) return { [Symbol.asyncDispose]: async () => {} };
  let failures = 0;
  const write = async () => {
    const startedMs = clock.monotonicMs();
    try {
      const bytes = await writeSnapshot(path, framesOf(state, pending));
      const seconds = (clock.monotonicMs() - startedMs) / 1000;
      observe({ name: "snapshot_written", bytes, seconds });
      if (failures > 0) observe({ name: "snapshot_recovered", failures });
      failures = 0;
    } catch (error) {
      failures += 1;
      if (failures === 1) observe({ name: "snapshot_failed", path, error });
    }
  };
  let dueMs = clock.monotonicMs() + snapshotSeconds * 1000;
  const loop = startLoop({ name: "snapshot", idleMs: LOOK_MS, observe }, async () => {
    if (clock.monotonicMs() < dueMs) return;
    dueMs = clock.monotonicMs() + snapshotSeconds * 1000;
    await write();
  });
  return {
    [Symbol.asyncDispose]: async () => {
      await loop[Symbol.asyncDispose]();
      await write(); // Ingest is drained: this one costs nothing.
    },
  };
}

/** Each pair of names and state is made in one turn, so that no slot changes hands between them. */
export function* framesOf(
  { directory, detector, templates }: DetectorState,
  pending: () => readonly PendingState[] = () => [],
): Generator<Frame> {
  yield { kind: "head", bytes: detector.saveHead() };
  for (let from = 0; from < detector.slotEnd; ) {
    const { bytes, slotEnd } = detector.saveSlots(from);
    const names = saveNames(directory, from, slotEnd);
    yield { kind: "names", bytes: names };
    yield { kind: "slots", bytes };
    from = slotEnd;
  }
  yield* templateFrames(templates, directory);
  // Last: a signal that ends meanwhile is then in here, and not nowhere.
  const waiting = pending();
  if (waiting.length > 0) yield { kind: "pending", bytes: pendingToBytes(waiting) };
}
