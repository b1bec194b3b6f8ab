import { CountDeltas, type Kind, LevelIndex, type SeriesKey } from "@tracer/core";
import type { Detector } from "@tracer/detect";
import { type Peer, STEP_COUNTS_MAX, type StepCount } from "@tracer/store";
import type { Observe } from "./observe.ts";

/** After a processor came or went its clients are on their way for this long: what is missing is no silence. */
export const MOVE_MS = 60_000;
/** A processor that lives and has flushed nothing for longer has counts that nobody else knows. */
export const FLUSH_AGE_MS_MAX = 3_000;
/** Beyond the longest pause between two rounds, that of one whose database is away. */
const ROUND_MS_MAX = 10_000;
/** Cells that wait for the next flush; those beyond are lost to the others. */
export const PENDING_CELLS_MAX = 100_000;
/** Counts that could not be flushed for so long are of steps that everybody has closed. */
const PENDING_MS_MAX = 600_000;
const READS_MAX = 10;
/** Records of longer ago, of history that is loaded, have nothing to do with who comes or goes. */
const ON_THEIR_WAY_MS_MAX = 600_000;

export interface SharedCountsOptions {
  readonly detector: Pick<Detector, "share" | "doubt">;
  readonly keyOf: (slot: number) => SeriesKey | undefined;
  /** The slot of a service, which gets one if it is new. */
  readonly slotOf: (key: SeriesKey) => number;
  readonly receiptMs: () => number;
  readonly monotonicMs: () => number;
  /** Counts in what came to others. The number of records that came too late. */
  readonly count: (deltas: CountDeltas) => { readonly late: number };
  readonly flush: (flush: number, counts: readonly StepCount[]) => Promise<void>;
  readonly read: (cursors: ReadonlyMap<string, number>) => Promise<readonly Peer[]>;
  /** Takes or renews the lease of the announcer of volumes; true when it is ours. */
  readonly hold: () => Promise<boolean>;
  readonly release: () => Promise<void>;
  readonly observe: Observe;
}

/**
 * Of several processors behind a load balancer each sees a share of the traffic. While another lives, this one
 * flushes each second what came to it, counts in what the others flushed, and tells of volumes only while it
 * holds the lease. Alone it does nothing but look whether it is.
 *
 * alone → sharing, when another shows life; back a minute after the last has died.
 */
export class SharedCounts {
  readonly #options: SharedCountsOptions;
  readonly #foreign = new CountDeltas();
  readonly #cursors = new Map<string, number>(); // By processor; those that live.
  #mine = new CountDeltas({ cellsMax: PENDING_CELLS_MAX });
  #queue: StepCount[] = [];
  #sending: { readonly flush: number; readonly counts: readonly StepCount[] } | null = null;
  #flushed = 0;
  #lost = false;
  #flushedAtMs: number;
  #sharingUntilMs = Number.NEGATIVE_INFINITY; // Monotonic.
  #sharing = false;
  #holds = false;

  constructor(options: SharedCountsOptions) {
    this.#options = options;
    this.#flushedAtMs = options.monotonicMs();
  }

  /** Other processors that live, as of the last round. */
  get peers(): number {
    return this.#cursors.size;
  }

  /** Whether this processor tells of signals of a kind. Of volumes and silences it takes the sum of all to know. */
  announces(kind: Kind): boolean {
    return (kind !== "volume" && kind !== "pipeline") || this.peers === 0 || this.#holds;
  }

  /** Takes what a batch added, for the others. Costs nothing while there are none, else something a cell. */
  collect(deltas: CountDeltas): void {
    if (!this.#sharing) return;
    for (let cell = 0; cell < deltas.length; cell += 1) {
      const slot = deltas.slot[cell] ?? 0;
      const newestMs = deltas.newestMs[cell] ?? 0;
      const errors = deltas.errors[cell] ?? 0;
      const records = (deltas.records[cell] ?? 0) - errors;
      const taken = this.#mine.add(slot, newestMs, LevelIndex.info, Number.NaN, records);
      if (!taken) this.#lost = true;
      else this.#mine.add(slot, newestMs, LevelIndex.error, Number.NaN, errors);
    }
  }

  /** Writes, reads, renews: once a second. Rejects when the database is away; nothing is lost or doubled by it. */
  async round(): Promise<void> {
    try {
      if (this.#sharing) await this.#flush();
      await this.#read();
      this.#holds = this.peers > 0 && (await this.#options.hold());
    } catch (error) {
      if (this.#sharing) this.#doubt(ROUND_MS_MAX);
      throw error;
    }
  }

  /** The last round: nothing comes any more. */
  async stop(): Promise<void> {
    if (this.#sharing) await this.#flush();
    if (this.#holds) await this.#options.release();
  }

  async #flush(): Promise<void> {
    const nowMs = this.#options.monotonicMs();
    try {
      do {
        this.#sending ??= this.#next();
        await this.#options.flush(this.#sending.flush, this.#sending.counts);
        this.#sending = null;
        this.#flushedAtMs = nowMs;
      } while (this.#queue.length > 0 || this.#mine.length > 0);
    } catch (error) {
      if (nowMs - this.#flushedAtMs > PENDING_MS_MAX) this.#drop();
      throw error;
    }
  }

  /** What is to be flushed next; the counts of a number never change, so that it may be tried again. */
  #next(): { flush: number; counts: readonly StepCount[] } {
    if (this.#queue.length === 0) this.#queue = this.#takeMine();
    const counts = this.#queue.splice(0, STEP_COUNTS_MAX);
    this.#flushed += this.#lost ? 2 : 1; // A number left out tells the others that counts are missing.
    this.#lost = false;
    return { flush: this.#flushed, counts };
  }

  #takeMine(): StepCount[] {
    const mine = this.#mine;
    const counts: StepCount[] = [];
    for (let cell = 0; cell < mine.length; cell += 1) {
      const key = this.#options.keyOf(mine.slot[cell] ?? 0);
      if (key === undefined) continue;
      const newestMs = mine.newestMs[cell] ?? 0;
      const records = mine.records[cell] ?? 0;
      counts.push({ ...key, newestMs, records, errors: mine.errors[cell] ?? 0 });
    }
    this.#forgetMine();
    return counts;
  }

  #forgetMine(): void {
    if (this.#mine.length < STEP_COUNTS_MAX) this.#mine.clear();
    else this.#mine = new CountDeltas({ cellsMax: PENDING_CELLS_MAX }); // Gives back what a burst took.
  }

  #drop(): void {
    this.#forgetMine();
    this.#queue = [];
    this.#lost = true;
  }

  async #read(): Promise<void> {
    let peers: readonly Peer[] = [];
    for (let reads = 0; reads < READS_MAX; reads += 1) {
      peers = await this.#options.read(this.#cursors);
      this.#meet(peers);
      this.#count(peers);
      if (!peers.some(({ hasMore }) => hasMore)) break;
    }
    const isBehind = ({ flushAgeMs, hasMore }: Peer) =>
      hasMore || flushAgeMs === null || flushAgeMs > FLUSH_AGE_MS_MAX;
    if (peers.some(isBehind)) this.#doubt(ROUND_MS_MAX);
  }

  /** Takes note of who came and who went. */
  #meet(peers: readonly Peer[]): void {
    const { detector, monotonicMs, observe } = this.#options;
    const alive = new Set(peers.map(({ processorId }) => processorId));
    const before = this.#cursors.size;
    let moved = false;
    for (const processorId of this.#cursors.keys()) {
      if (alive.has(processorId)) continue;
      this.#cursors.delete(processorId);
      moved = true;
    }
    for (const { processorId, newestFlush } of peers) {
      if (this.#cursors.has(processorId)) continue;
      this.#cursors.set(processorId, newestFlush); // What was before is a gap.
      moved = true;
    }
    if (this.peers > 0) this.#sharingUntilMs = monotonicMs() + MOVE_MS;
    this.#sharing = monotonicMs() < this.#sharingUntilMs;
    detector.share(this.#sharing);
    if (!moved) return;
    this.#doubt(MOVE_MS);
    observe({ name: "peers_changed", peers: this.peers, before });
  }

  #count(peers: readonly Peer[]): void {
    const foreign = this.#foreign;
    foreign.clear();
    let records = 0;
    for (const { processorId, flushes } of peers) {
      for (const { flush, counts } of flushes) {
        if (flush !== (this.#cursors.get(processorId) ?? 0) + 1) this.#doubt(MOVE_MS);
        this.#cursors.set(processorId, flush);
        for (const count of counts) {
          records += count.records;
          this.#add(count);
        }
      }
    }
    if (records === 0) return;
    const { late } = this.#options.count(foreign);
    this.#options.observe({ name: "foreign_counted", records, late });
  }

  #add(count: StepCount): void {
    const slot = this.#options.slotOf(count);
    const { newestMs, records, errors } = count;
    this.#foreign.add(slot, newestMs, LevelIndex.info, Number.NaN, records - errors);
    this.#foreign.add(slot, newestMs, LevelIndex.error, Number.NaN, errors);
  }

  #doubt(forMs: number): void {
    const nowMs = this.#options.receiptMs();
    const fromMs = nowMs - ON_THEIR_WAY_MS_MAX;
    this.#options.detector.doubt({ fromMs, untilMs: nowMs + forMs });
  }
}
