import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock, SeriesKey } from "@tracer/core";
import type { BucketView, Detector, TemplateBook, TemplateState } from "@tracer/detect";
import type { SeriesDirectory } from "@tracer/ingest";

/** Services listed at once; the most surprising first. */
export const SERVICES_LISTED_MAX = 2_000;
/** Listed when nobody says how many. */
export const SERVICES_LISTED = 500;
const SPARKLINE_BUCKETS = 30;
/** Services looked at before others get their turn, about 5 ms. */
const SLICE_SLOTS = 2_048;
const SLICE_VIEWS = 250;
/** A list is good for this long: every open page asks for it. */
const FRESH_MS = 2_000;
/** Lists that are kept: one per project and search. */
const LISTS_MAX = 100;

export interface ServiceView extends SeriesKey {
  readonly state: "learning" | "ok" | "watch" | "firing" | "silent";
  /** Whether a kind of message that was never seen is told of; null while no message is known. */
  readonly newKinds: TemplateState | null;
  /** Of the newest closed 60-second bucket. */
  readonly recordsPerMinute: number;
  readonly errorsPerMinute: number;
  /** Records of the newest closed 60-second buckets, oldest first; of the first one while it still fills. */
  readonly sparkline: readonly number[];
  /** What the newest closed bucket was expected to be within; null while that is not known. */
  readonly expectedLow: number | null;
  readonly expectedHigh: number | null;
  readonly lastSeenAt: string | null;
}

/** How many services this processor holds, and what found no room since it started. */
export interface ServicesRoom {
  readonly held: number;
  readonly seriesMax: number;
  /** Records counted under `(other)`. */
  readonly otherRecords: number;
}

const STATE_ORDER = ["firing", "watch", "silent", "ok", "learning"] as const;

export interface ListServicesOptions {
  readonly project: string;
  /** At most SERVICES_LISTED_MAX. Default: SERVICES_LISTED. */
  readonly limit?: number;
  /** Part of the name, in any case. Default: all. */
  readonly search?: string;
}

export interface ServicesListed {
  readonly services: readonly ServiceView[];
  /** How many there are, listed or not. */
  readonly total: number;
}

interface Ranked {
  readonly slot: number;
  readonly order: number;
  /** How far outside its band, in whole half-widths of it; 0 within. */
  readonly surprise: number;
  readonly records: number;
}

interface Ranking {
  readonly ranked: readonly Ranked[];
  readonly total: number;
}

interface Kept {
  readonly atMs: number;
  readonly ranking: Promise<Ranking>;
}

export interface ServicesViewOptions {
  readonly detector: Detector;
  readonly templates: TemplateBook;
  readonly directory: SeriesDirectory;
  readonly clock: Clock;
}

/** What this processor knows of its services, straight from the detector's memory. */
export class ServicesView {
  readonly #detector: Detector;
  readonly #templates: TemplateBook;
  readonly #directory: SeriesDirectory;
  readonly #clock: Clock;
  readonly #rankings = new Map<string, Kept>(); // By project and search.

  constructor({ detector, templates, directory, clock }: ServicesViewOptions) {
    this.#detector = detector;
    this.#templates = templates;
    this.#directory = directory;
    this.#clock = clock;
  }

  get count(): number {
    return this.#directory.size;
  }

  /** Whether there is room for more of them, in all projects together. */
  get room(): ServicesRoom {
    const { size, seriesMax, overflowed } = this.#directory;
    return { held: size, seriesMax, otherRecords: overflowed };
  }

  /** Services of a project, the most surprising first; up to FRESH_MS old. Takes turns with other work. */
  async list(options: ListServicesOptions): Promise<ServicesListed> {
    const { project, limit = SERVICES_LISTED, search = "" } = options;
    const { ranked, total } = await this.#ranking(project, search.toLowerCase());
    const services: ServiceView[] = [];
    const first = ranked.slice(0, Math.min(limit, SERVICES_LISTED_MAX));
    for (const [index, { slot }] of first.entries()) {
      if (index % SLICE_VIEWS === SLICE_VIEWS - 1) await nextTurn();
      services.push(...this.#view(slot));
    }
    return { services, total };
  }

  #ranking(project: string, search: string): Promise<Ranking> {
    const atMs = this.#clock.monotonicMs();
    const name = JSON.stringify([project, search]);
    const known = this.#rankings.get(name);
    if (known !== undefined && atMs - known.atMs < FRESH_MS) return known.ranking;
    const ranking = this.#rank(project, search);
    this.#rankings.delete(name);
    this.#rankings.set(name, { atMs, ranking });
    const [oldest] = this.#rankings.keys();
    if (this.#rankings.size > LISTS_MAX && oldest !== undefined) this.#rankings.delete(oldest);
    return ranking;
  }

  /** The kept buckets of one service, oldest first; null when there is no such service. */
  buckets(key: SeriesKey): readonly BucketView[] | null {
    const slot = this.#directory.find(key);
    return slot < 0 ? null : this.#detector.bucketsOf(slot, 60);
  }

  /** The first by rank, without a view of each: 100,000 services must not stop the loop. */
  async #rank(project: string, search: string): Promise<Ranking> {
    let ranked: Ranked[] = [];
    let total = 0;
    for (let slot = 0; slot < this.#directory.slotEnd; slot += 1) {
      if (slot % SLICE_SLOTS === SLICE_SLOTS - 1) await nextTurn();
      const key = this.#directory.key(slot);
      if (key?.project !== project || !key.service.toLowerCase().includes(search)) continue;
      total += 1;
      const order = STATE_ORDER.indexOf(this.#stateOf(slot));
      const newest = this.#newest(slot);
      const surprise = newest === undefined ? 0 : surpriseOf(newest);
      ranked.push({ slot, order, surprise, records: newest?.records ?? 0 });
      if (ranked.length >= 4 * SERVICES_LISTED_MAX) ranked = firstOf(ranked);
    }
    return { ranked: firstOf(ranked), total };
  }

  #stateOf(slot: number): ServiceView["state"] {
    return this.#templates.isOpen(slot) ? "firing" : this.#detector.stateOf(slot);
  }

  #newest(slot: number): BucketView | undefined {
    const buckets = this.#detector.bucketsOf(slot, 1);
    return buckets.find((bucket) => bucket.closed) ?? buckets.at(-1);
  }

  #view(slot: number): ServiceView[] {
    const key = this.#directory.key(slot);
    if (key === undefined) return []; // Given back meanwhile.
    const buckets = this.#detector.bucketsOf(slot, SPARKLINE_BUCKETS);
    const newest = buckets.findLast((bucket) => bucket.closed) ?? buckets.at(-1);
    const seen = buckets.findLast(({ records }) => records > 0);
    const closed = buckets.filter((bucket) => bucket.closed); // What still fills would look like a fall.
    return [
      {
        ...key,
        state: this.#stateOf(slot),
        newKinds: this.#templates.has(slot) ? this.#templates.stateOf(slot) : null,
        recordsPerMinute: newest?.records ?? 0,
        errorsPerMinute: newest?.errors ?? 0,
        sparkline: (closed.length > 0 ? closed : buckets).map(({ records }) => records),
        ...bandOf(newest),
        lastSeenAt: seen === undefined ? null : new Date(seen.startMs).toISOString(),
      },
    ];
  }
}

function bandOf(bucket: BucketView | undefined) {
  if (bucket === undefined || !(bucket.high > 0)) return { expectedLow: null, expectedHigh: null };
  return { expectedLow: bucket.low, expectedHigh: bucket.high };
}

/** 0 within the band, then how many times half its width outside of it. */
function surpriseOf({ records, low, high }: BucketView): number {
  if (!(high > 0)) return 0; // Nothing is known yet.
  const outside = Math.max(records - high, low - records, 0);
  return Math.floor((2 * outside) / Math.max(high - low, 1));
}

function firstOf(ranked: Ranked[]): Ranked[] {
  return ranked
    .sort(
      (left, right) =>
        left.order - right.order ||
        right.surprise - left.surprise ||
        right.records - left.records ||
        left.slot - right.slot,
    )
    .slice(0, SERVICES_LISTED_MAX);
}
