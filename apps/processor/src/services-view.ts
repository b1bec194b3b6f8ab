import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock, SeriesKey } from "@tracer/core";
import type { BucketView, Detector, TemplateBook, TemplateState } from "@tracer/detect";
import type { SeriesDirectory } from "@tracer/ingest";

/** Services listed at once; the most eventful first. */
const SERVICES_LISTED_MAX = 500;
const SPARKLINE_BUCKETS = 30;
/** Services looked at before others get their turn, about 5 ms. */
const SLICE_SLOTS = 2_048;
/** A list is good for this long: every open page asks for it. */
const FRESH_MS = 2_000;
/** Projects whose list is kept. */
const PROJECTS_MAX = 100;

export interface ServiceView extends SeriesKey {
  readonly state: "learning" | "ok" | "watch" | "firing" | "silent";
  /** Whether a kind of message that was never seen is told of; null while no message is known. */
  readonly newKinds: TemplateState | null;
  /** Of the newest closed 60-second bucket. */
  readonly recordsPerMinute: number;
  readonly errorsPerMinute: number;
  /** Records of the newest 60-second buckets, oldest first. */
  readonly sparkline: readonly number[];
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

interface Ranked {
  readonly slot: number;
  readonly order: number;
  readonly records: number;
}

interface Listed {
  readonly atMs: number;
  readonly views: Promise<ServiceView[]>;
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
  readonly #lists = new Map<string, Listed>(); // By project.

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

  /**
   * At most SERVICES_LISTED_MAX services of a project, firing first, then by volume; up to FRESH_MS old. Takes
   * turns with other work.
   */
  list(project: string): Promise<ServiceView[]> {
    const atMs = this.#clock.monotonicMs();
    const known = this.#lists.get(project);
    if (known !== undefined && atMs - known.atMs < FRESH_MS) return known.views;
    const views = this.#rank(project).then((ranked) =>
      ranked.flatMap(({ slot }) => this.#view(slot)),
    );
    this.#lists.delete(project);
    this.#lists.set(project, { atMs, views });
    const [oldest] = this.#lists.keys();
    if (this.#lists.size > PROJECTS_MAX && oldest !== undefined) this.#lists.delete(oldest);
    return views;
  }

  /** The kept buckets of one service, oldest first; null when there is no such service. */
  buckets(key: SeriesKey): readonly BucketView[] | null {
    const slot = this.#directory.find(key);
    return slot < 0 ? null : this.#detector.bucketsOf(slot, 60);
  }

  /** The first by rank, without a view of each: 100,000 services must not stop the loop. */
  async #rank(project: string): Promise<Ranked[]> {
    let ranked: Ranked[] = [];
    for (let slot = 0; slot < this.#directory.slotEnd; slot += 1) {
      if (slot % SLICE_SLOTS === SLICE_SLOTS - 1) await nextTurn();
      if (this.#directory.key(slot)?.project !== project) continue;
      const order = STATE_ORDER.indexOf(this.#stateOf(slot));
      const records = this.#newest(slot)?.records ?? 0;
      ranked.push({ slot, order, records });
      if (ranked.length >= 4 * SERVICES_LISTED_MAX) ranked = firstOf(ranked);
    }
    return firstOf(ranked);
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
    return [
      {
        ...key,
        state: this.#stateOf(slot),
        newKinds: this.#templates.has(slot) ? this.#templates.stateOf(slot) : null,
        recordsPerMinute: newest?.records ?? 0,
        errorsPerMinute: newest?.errors ?? 0,
        sparkline: buckets.map(({ records }) => records),
        lastSeenAt: seen === undefined ? null : new Date(seen.startMs).toISOString(),
      },
    ];
  }
}

function firstOf(ranked: Ranked[]): Ranked[] {
  return ranked
    .sort((left, right) => left.order - right.order || right.records - left.records)
    .slice(0, SERVICES_LISTED_MAX);
}
