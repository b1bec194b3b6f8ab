import { CountDeltas, type Kind, LevelIndex, type SeriesKey } from "@tracer/core";
import type { Detector } from "@tracer/detect";
import { type Peer, STEP_COUNTS_MAX, type StepCount } from "@tracer/store";
import { isUnavailable } from "./database.ts";
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
/** Others may keep drops from being judged for this long at a time; then they are judged on what is known. */
export const DOUBT_MS_MAX = 600_000;
/** A flush that the database refuses, rather than cannot take, is given up after so many tries. */
export const FLUSH_TRIES_MAX = 5;
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

/** Why what others count is not waited for any more: one tells nothing, or they come and go all the time. */
type GivenUp = "silent" | "restless";

export type DropsJudged = "on_all" | "on_part" | "not";

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
  /** Of what is being sent, those that the database refused. */
  #refused = 0;
  #flushedAtMs: number;
  #sharingUntilMs = Number.NEGATIVE_INFINITY; // Monotonic.
  #sharing = false;
  #holds = false;
  /** Since when processors have come and gone without a minute of rest, and until when there is none. */
  #unsettledSinceMs = Number.NEGATIVE_INFINITY;
  #unsettledUntilMs = Number.NEGATIVE_INFINITY;
  /** By processor: since when its counts have been missing. */
  readonly #behindSinceMs = new Map<string, number>();
  /** Drops are not judged until then; receipt time. */
  #doubtedUntilMs = Number.NEGATIVE_INFINITY;
  #givenUp: GivenUp | null = null;

  constructor(options: SharedCountsOptions) {
    this.#options = options;
    this.#flushedAtMs = options.monotonicMs();
  }

  /** Other processors that live, as of the last round. */
  get peers(): number {
    return this.#cursors.size;
  }

  /** How many of those that lived at the last round, of which the database told, come before a processor. */
  rankOf(processorId: string): number {
    return [...this.#cursors.keys()].filter((each) => each < processorId).length;
  }

  /** Whether drops are judged: on all counts, on those that are known, or not at all for now. */
  get drops(): DropsJudged {
    if (this.#options.receiptMs() < this.#doubtedUntilMs) return "not";
    return this.#givenUp === null ? "on_all" : "on_part";
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

  /**
   * Writes, reads, renews: once a second. Rejects when the database is away; nothing is lost or doubled by it.
   * What it held then it holds still: while nobody can write nobody tells twice, and the reservation merges.
   */
  async round(): Promise<void> {
    let refused: { readonly error: unknown } | null = null;
    try {
      if (this.#sharing) refused = await this.#tryFlush();
      await this.#read();
      this.#holds = this.peers > 0 && (await this.#options.hold());
    } catch (error) {
      if (!isUnavailable(error)) this.#holds = false; // It is there for others, who may take the lease.
      if (this.#sharing) this.#doubt(ROUND_MS_MAX);
      throw error;
    }
    if (refused !== null) throw refused.error;
  }

  /** The last round: nothing comes any more. */
  async stop(): Promise<void> {
    try {
      if (this.#sharing) await this.#flush();
    } finally {
      if (this.#holds) await this.#options.release();
    }
  }

  /** Null, or what the database has against the counts: then the rest of the round can be done all the same. */
  async #tryFlush(): Promise<{ readonly error: unknown } | null> {
    try {
      await this.#flush();
      return null;
    } catch (error) {
      if (isUnavailable(error)) throw error;
      this.#refused += 1;
      if (this.#refused >= FLUSH_TRIES_MAX) this.#giveUp(error);
      return { error };
    }
  }

  /** What is refused is refused again, whatever time passes; its number is left out, which tells the others. */
  #giveUp(error: unknown): void {
    const counts = this.#sending?.counts ?? [];
    const records = counts.reduce((sum, count) => sum + count.records, 0);
    this.#sending = null;
    this.#refused = 0;
    this.#options.observe({ name: "counts_dropped", services: counts.length, records, error });
  }

  async #flush(): Promise<void> {
    const nowMs = this.#options.monotonicMs();
    try {
      do {
        this.#sending ??= this.#next();
        await this.#options.flush(this.#sending.flush, this.#sending.counts);
        this.#sending = null;
        this.#refused = 0;
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
    this.#waitFor(peers);
    this.#say(peers);
  }

  /** Doubts what peers do not tell, each of them for DOUBT_MS_MAX. */
  #waitFor(peers: readonly Peer[]): void {
    const nowMs = this.#options.monotonicMs();
    const behind = peers.filter(
      ({ flushAgeMs, hasMore }) => hasMore || flushAgeMs === null || flushAgeMs > FLUSH_AGE_MS_MAX,
    );
    const names = new Set(behind.map(({ processorId }) => processorId));
    for (const name of this.#behindSinceMs.keys()) {
      if (!names.has(name)) this.#behindSinceMs.delete(name);
    }
    for (const name of names) {
      const sinceMs = this.#behindSinceMs.get(name) ?? nowMs;
      this.#behindSinceMs.set(name, sinceMs);
      if (nowMs - sinceMs < DOUBT_MS_MAX) this.#doubt(ROUND_MS_MAX);
    }
  }

  /** Doubts all for a minute, because somebody came or went, or left counts out; not for ever if that goes on. */
  #unsettle(): void {
    const nowMs = this.#options.monotonicMs();
    if (nowMs >= this.#unsettledUntilMs) this.#unsettledSinceMs = nowMs;
    this.#unsettledUntilMs = nowMs + MOVE_MS;
    if (nowMs - this.#unsettledSinceMs < DOUBT_MS_MAX) this.#doubt(MOVE_MS);
  }

  /** Says, once each, that somebody is not waited for any more, and that nobody has to be waited for. */
  #say(peers: readonly Peer[]): void {
    const { monotonicMs, observe } = this.#options;
    const nowMs = monotonicMs();
    const before = this.#givenUp;
    const isOld = ({ processorId }: Peer) =>
      nowMs - (this.#behindSinceMs.get(processorId) ?? nowMs) >= DOUBT_MS_MAX;
    const silent = peers.find(isOld)?.processorId;
    const restless =
      nowMs < this.#unsettledUntilMs && nowMs - this.#unsettledSinceMs >= DOUBT_MS_MAX;
    this.#givenUp = silent !== undefined ? "silent" : restless ? "restless" : null;
    if (this.#givenUp === before) return;
    if (this.#givenUp === null) return observe({ name: "peers_certain" });
    observe({
      name: "peers_given_up",
      ...{ reason: this.#givenUp, processorId: silent ?? null, seconds: DOUBT_MS_MAX / 1000 },
    });
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
    this.#unsettle();
    observe({ name: "peers_changed", peers: this.peers, before });
  }

  #count(peers: readonly Peer[]): void {
    const foreign = this.#foreign;
    foreign.clear();
    let records = 0;
    for (const { processorId, flushes } of peers) {
      for (const { flush, counts } of flushes) {
        if (flush !== (this.#cursors.get(processorId) ?? 0) + 1) this.#unsettle();
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
    this.#doubtedUntilMs = Math.max(this.#doubtedUntilMs, nowMs + forMs);
    this.#options.detector.doubt({ fromMs, untilMs: nowMs + forMs });
  }
}
