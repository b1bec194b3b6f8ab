import { TracerError } from "@tracer/core";
import type { Executor } from "./executor.ts";
import { answeredDuplicate, MARGIN_SECONDS } from "./read-first-sql.ts";
import { BATCH_MAX, type SightOptions, type SightResult, sightRows } from "./sight.ts";
import { mergeSightings, type Sighting, type SightingRow, sightingRowOf } from "./sighting.ts";

export interface ReadFirstOptions {
  readonly db: Executor;
  readonly sightOptions: SightOptions;
  /** Ages of what is kept are counted by it, in ms. */
  readonly monotonicMs: () => number;
  /** Told what counts came to that were written later, each time some were. */
  readonly onFlushed?: (results: readonly SightResult[]) => void;
  /** Fingerprints that are remembered, default 10,000; the sightings of those beyond it are written at once. */
  readonly keysMax?: number;
}

/** A fingerprint that this process wrote so long ago is read first. */
const HOT_MS = 2_000;
const KEYS_MAX = 10_000;
/** Statements at once. While they run, callers come together in the next one. */
const ROUNDS_MAX = 4;

/** A sighting and when its ages were right. */
interface Timed {
  readonly row: SightingRow;
  readonly atMs: number;
}

interface Call {
  readonly sighted: readonly Timed[];
  readonly resolve: (results: SightResult[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * `sight` for fingerprints that are sighted often. A row that this process wrote a moment ago is read
 * first: where the statement would answer `duplicate` that is the answer, and the count is kept until
 * `flush`, to be called each second. All that opens, escalates, repeats, or that people should read is
 * written at once, together with what was kept of its fingerprint. Callers that come at once share a
 * statement.
 *
 * What a process that is killed had kept, a second of counts, is lost; no message depends on it.
 */
export class ReadFirst {
  readonly #options: ReadFirstOptions;
  readonly #hot = new Map<string, number>(); // When it was written; oldest first.
  readonly #held = new Map<string, Timed>(); // Answered, and not written yet.
  #queue: Call[] = [];
  #rounds = 0;
  #flushing: Promise<void> = Promise.resolve();

  constructor(options: ReadFirstOptions) {
    this.#options = options;
  }

  /** Fingerprints with counts that are not written yet. */
  get heldCount(): number {
    return this.#held.size;
  }

  /**
   * Answers as `sight` does.
   *
   * @throws TracerError DATABASE_UNAVAILABLE; some of a long list may be committed.
   */
  sight(sightings: readonly Sighting[]): Promise<SightResult[]> {
    const atMs = this.#options.monotonicMs();
    const sighted = sightings.map((sighting) => ({ row: sightingRowOf(sighting), atMs }));
    return new Promise((resolve, reject) => {
      this.#queue.push({ sighted, resolve, reject });
      queueMicrotask(() => this.#startRounds()); // Whoever else calls now comes along.
    });
  }

  /**
   * Writes the counts that were kept before the call. Call it each second, at the end, and before `clear`:
   * a sighting must not be written after the end of its signal.
   *
   * @throws TracerError DATABASE_UNAVAILABLE; what is not written is kept.
   */
  flush(): Promise<void> {
    const flushed = this.#flushing.then(() => this.#flushHeld());
    this.#flushing = flushed.catch(() => {}); // Its caller is told.
    return flushed;
  }

  #startRounds(): void {
    while (this.#rounds < ROUNDS_MAX && this.#queue.length > 0) {
      const calls = this.#takeCalls();
      this.#rounds += 1;
      void this.#round(calls).finally(() => {
        this.#rounds -= 1;
        this.#startRounds();
      });
    }
  }

  #takeCalls(): Call[] {
    let count = 0;
    const beyond = this.#queue.findIndex(({ sighted }, index) => {
      count += sighted.length;
      return index > 0 && count > BATCH_MAX;
    });
    return this.#queue.splice(0, beyond === -1 ? this.#queue.length : beyond);
  }

  /** Answers every call, one way or the other. Does not reject. */
  async #round(calls: readonly Call[]): Promise<void> {
    try {
      const results = await this.#answer(calls.flatMap(({ sighted }) => sighted));
      let from = 0;
      for (const { sighted, resolve } of calls) {
        resolve(results.slice(from, from + sighted.length));
        from += sighted.length;
      }
    } catch (error) {
      if (calls.length === 1 || isUnavailable(error)) {
        for (const { reject } of calls) reject(error);
        return;
      }
      // What the database refuses of one caller must not fail the others.
      for (const call of calls) await this.#round([call]);
    }
  }

  async #answer(sighted: readonly Timed[]): Promise<SightResult[]> {
    const hot = this.#hotOf(sighted);
    const read = await this.#read(hot);
    const { db, sightOptions } = this.#options;
    const rest = sighted.filter(({ row }) => !read.has(row.fingerprint));
    const written: SightResult[] = [];
    if (rest.length > 0) {
      // First what was seen first, and on its own: it may belong to an epoch that is over.
      await this.#write(this.#takeHeld(new Set(rest.map(({ row }) => row.fingerprint))));
      const rows = rest.map((timed) => this.#aged(timed));
      written.push(...(await sightRows(db, rows, sightOptions)));
      this.#wrote(written);
    }
    // Not before: whose call has failed sights all of it again, and it would count twice.
    for (const [fingerprint, timed] of hot) if (read.has(fingerprint)) this.#hold(timed);
    let next = 0;
    return sighted.flatMap(({ row }) => {
      const result = read.get(row.fingerprint) ?? written[next++];
      return result === undefined ? [] : [result];
    });
  }

  /** Answers what is a duplicate by the rows as they are. */
  async #read(hot: ReadonlyMap<string, Timed>): Promise<ReadonlyMap<string, SightResult>> {
    if (hot.size === 0) return new Map();
    const asked = [...hot].map(([fingerprint, timed]) => {
      const held = this.#held.get(fingerprint);
      return this.#aged(held === undefined ? timed : counted(timed, held));
    });
    return answeredDuplicate(this.#options.db, asked);
  }

  /** One sighting for each fingerprint that may be read first. */
  #hotOf(sighted: readonly Timed[]): Map<string, Timed> {
    const { keysMax = KEYS_MAX, monotonicMs, sightOptions } = this.#options;
    const hot = new Map<string, Timed>();
    if (sightOptions.quietSeconds <= MARGIN_SECONDS) return hot;
    const sinceMs = monotonicMs() - HOT_MS;
    const cold = new Set<string>();
    for (const timed of sighted) {
      const { fingerprint } = timed.row;
      const before = hot.get(fingerprint);
      const isHot = (this.#hot.get(fingerprint) ?? Number.NEGATIVE_INFINITY) >= sinceMs;
      const hasRoom = this.#held.has(fingerprint) || this.#held.size + hot.size < keysMax;
      if (before !== undefined) hot.set(fingerprint, merged(before, timed));
      else if (isHot && hasRoom) hot.set(fingerprint, timed);
      if (timed.row.new_text) cold.add(fingerprint);
    }
    for (const fingerprint of cold) hot.delete(fingerprint);
    return hot;
  }

  #hold(timed: Timed): void {
    const { fingerprint } = timed.row;
    const before = this.#held.get(fingerprint);
    this.#held.set(fingerprint, before === undefined ? timed : merged(before, timed));
  }

  #takeHeld(wanted?: ReadonlySet<string>): Timed[] {
    const taken: Timed[] = [];
    for (const fingerprint of wanted ?? this.#held.keys()) {
      const timed = this.#held.get(fingerprint);
      if (timed === undefined) continue;
      taken.push(timed);
      this.#held.delete(fingerprint);
      if (wanted === undefined && taken.length === BATCH_MAX) break;
    }
    return taken;
  }

  async #flushHeld(): Promise<void> {
    const sinceMs = this.#options.monotonicMs() - HOT_MS;
    for (const [fingerprint, writtenAtMs] of this.#hot) {
      if (writtenAtMs >= sinceMs) break;
      this.#hot.delete(fingerprint);
    }
    // What is answered meanwhile waits for the next flush, or this would have no end.
    for (let left = this.#held.size; left > 0; left -= BATCH_MAX) {
      await this.#write(this.#takeHeld());
    }
  }

  async #write(taken: readonly Timed[]): Promise<void> {
    if (taken.length === 0) return;
    const { db, sightOptions, onFlushed } = this.#options;
    for (let start = 0; start < taken.length; start += BATCH_MAX) {
      const rows = taken.slice(start, start + BATCH_MAX).map((timed) => this.#aged(timed));
      try {
        const results = await sightRows(db, rows, sightOptions);
        this.#wrote(results);
        onFlushed?.(results);
      } catch (error) {
        const left = taken.slice(start);
        if (isUnavailable(error)) for (const timed of left) this.#hold(timed);
        else await this.#writeEach(left, error);
        throw error;
      }
    }
  }

  /** What the database refuses for another reason is a mistake of ours: dropped, so that it holds up nothing else. */
  async #writeEach(left: readonly Timed[], error: unknown): Promise<void> {
    if (left.length === 1) return;
    const writes = await Promise.allSettled(left.map((timed) => this.#write([timed])));
    if (writes.every(({ status }) => status === "fulfilled")) throw error;
  }

  #wrote(results: readonly SightResult[]): void {
    const { monotonicMs, keysMax = KEYS_MAX } = this.#options;
    const nowMs = monotonicMs();
    for (const { fingerprint, outcome } of results) {
      this.#hot.delete(fingerprint); // It goes to the end.
      if (outcome !== "late") this.#hot.set(fingerprint, nowMs);
    }
    for (const fingerprint of this.#hot.keys()) {
      if (this.#hot.size <= keysMax) break; // Those written longest ago go first.
      this.#hot.delete(fingerprint);
    }
  }

  #aged({ row, atMs }: Timed): SightingRow {
    return rowAt(row, this.#options.monotonicMs() - atMs);
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof TracerError && error.code === "DATABASE_UNAVAILABLE";
}

function rowAt(row: SightingRow, laterMs: number): SightingRow {
  if (laterMs === 0) return row;
  return { ...row, age_ms: row.age_ms + laterMs, onset_age_ms: row.onset_age_ms + laterMs };
}

/** With the ages of the later one; of two that are as old, it speaks. */
function merged(one: Timed, other: Timed): Timed {
  const [before, after] = one.atMs > other.atMs ? [other, one] : [one, other];
  const older = rowAt(before.row, after.atMs - before.atMs);
  return { row: mergeSightings(after.row, older), atMs: after.atMs };
}

/** The sighting with what has been counted of its fingerprint and is not in the row yet. */
function counted({ row, atMs }: Timed, { row: held }: Timed): Timed {
  const occurrences = row.occurrences + held.occurrences;
  return { row: { ...row, occurrences, peak: Math.max(row.peak, held.peak) }, atMs };
}
