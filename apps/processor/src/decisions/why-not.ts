import { setImmediate as nextTurn } from "node:timers/promises";
import type { Kind, SeriesKey } from "@tracer/core";
import type { SeriesDirectory } from "@tracer/ingest";
import * as store from "@tracer/store";
import { type Answer, answerOf, withWaiting } from "./answer.ts";
import { type DecisionRecorder, PIPELINE_KEY } from "./recorder.ts";

export interface WhyNotOptions {
  readonly pool: store.Pool;
  readonly recorder: DecisionRecorder;
  readonly directory: SeriesDirectory;
  /** Receipt time, ms since the epoch. */
  readonly receiptMs: () => number;
}

export interface Question {
  readonly key: SeriesKey;
  /** The moment, event time; null is now. */
  readonly atMs: number | null;
  /** Only this kind. */
  readonly kind: Kind | null;
}

/** Environments of a service that an answer names when the one that was asked for has none. */
const ENVIRONMENTS_MAX = 10;
const SLICE_SLOTS = 4_096;

/** Why nothing fired: from the detector's memory, from what waits to be written, and from the database. */
export class WhyNot {
  readonly #options: WhyNotOptions;

  constructor(options: WhyNotOptions) {
    this.#options = options;
  }

  /** True when SERIES_MAX was reached: a service without a name of its own is counted under `(other)`. */
  get seriesFull(): boolean {
    return this.#options.directory.overflowed > 0;
  }

  /** Null when nobody knows the service. Throws when the database is away. */
  async ask({ key, atMs: asked, kind }: Question): Promise<Answer | null> {
    const { pool, recorder, directory } = this.#options;
    const nowMs = this.#options.receiptMs();
    const atMs = asked ?? nowMs;
    const slot = directory.find(key);
    // Looked at now, so that the newest minute is there however long ago the last round was.
    const judged = slot < 0 ? null : recorder.look(slot);
    recorder.lookAtPipeline();
    const own = store.seriesIdOf(key);
    const ids = [own, store.seriesIdOf(PIPELINE_KEY)];
    const isPipeline = (row: store.Decision) => row.kind === "pipeline";
    const waiting = recorder.waitingOf(ids).filter((row) => row.series === own || isPipeline(row));
    const [found, nearest] = await Promise.all([
      store.decisionsAround(pool, ids, atMs),
      store.nearestDecisions(pool, own, atMs),
    ]);
    const around = withWaiting(found, waiting, atMs);
    const times = around.before
      .concat(around.after)
      .flatMap((row) => (row.series === own ? row.atMs : []));
    const beforeMs = latest([nearest.beforeMs, ...times.filter((ms) => ms <= atMs)]);
    const afterMs = earliest([nearest.afterMs, ...times.filter((ms) => ms > atMs)]);
    if (judged === null && beforeMs === null && afterMs === null) return null;
    const incidentKeys = key.project === PIPELINE_KEY.project ? [key, PIPELINE_KEY] : [key];
    const [incidents, running] = await Promise.all([
      store.incidentsAt(pool, incidentKeys, atMs),
      store.wasRunning(pool, judgedAtMs({ found, waiting, own, atMs, nowMs })),
    ]);
    return answerOf({
      ...{ key, atMs, nowMs, kind, around, judged, incidents, running },
      nearest: { beforeMs, afterMs },
      recorded: slot < 0 || recorder.isRecorded(slot),
    });
  }

  /** The environments in which a service of this name is held: a hint for who asked for another. */
  async environmentsOf({ project, service }: SeriesKey): Promise<string[]> {
    const { directory } = this.#options;
    const environments: string[] = [];
    for (let slot = 0; slot < directory.slotEnd; slot += 1) {
      if (slot % SLICE_SLOTS === SLICE_SLOTS - 1) await nextTurn();
      const key = directory.key(slot);
      if (key?.project === project && key.service === service) environments.push(key.environment);
      if (environments.length >= ENVIRONMENTS_MAX) break;
    }
    return environments.sort();
  }
}

/**
 * When the moment was judged, by the database's clock: as long after it as the newest row before it was
 * written after its own. Records of the past are judged when they come.
 */
function judgedAtMs(options: {
  readonly found: store.DecisionsAround;
  readonly waiting: readonly store.Decision[];
  readonly own: store.SeriesId;
  readonly atMs: number;
  readonly nowMs: number;
}): number {
  const { found, waiting, own, atMs, nowMs } = options;
  const written = waiting.map((row) => ({ ...row, recordedMs: nowMs }));
  const rows = [...found.before, ...written].filter(
    (row) => row.series === own && row.atMs <= atMs,
  );
  const newest = rows.toSorted((left, right) => right.atMs - left.atMs)[0];
  return newest === undefined ? atMs : Math.min(nowMs, atMs + newest.recordedMs - newest.atMs);
}

function latest(times: readonly (number | null)[]): number | null {
  const known = times.filter((ms) => ms !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function earliest(times: readonly (number | null)[]): number | null {
  const known = times.filter((ms) => ms !== null);
  return known.length === 0 ? null : Math.min(...known);
}
