import type { SeriesKey } from "@tracer/core";
import type { BucketView, Detector } from "@tracer/detect";
import type { SeriesDirectory } from "@tracer/ingest";

/** Services listed at once; the most eventful first. */
const SERVICES_LISTED_MAX = 500;
const SPARKLINE_BUCKETS = 30;

export interface ServiceView extends SeriesKey {
  readonly state: "learning" | "ok" | "watch" | "firing" | "silent";
  /** Of the newest closed 60-second bucket. */
  readonly recordsPerMinute: number;
  readonly errorsPerMinute: number;
  /** Records of the newest 60-second buckets, oldest first. */
  readonly sparkline: readonly number[];
  readonly lastSeenAt: string | null;
}

const STATE_ORDER = ["firing", "watch", "silent", "ok", "learning"] as const;

/** What this processor knows of its services, straight from the detector's memory. */
export class ServicesView {
  readonly #detector: Detector;
  readonly #directory: SeriesDirectory;

  constructor({ detector, directory }: { detector: Detector; directory: SeriesDirectory }) {
    this.#detector = detector;
    this.#directory = directory;
  }

  get count(): number {
    return this.#directory.size;
  }

  /** At most SERVICES_LISTED_MAX services of a project: firing first, then by volume. */
  list(project: string): ServiceView[] {
    const views: ServiceView[] = [];
    for (let slot = 0; slot < this.#directory.slotEnd; slot += 1) {
      const key = this.#directory.key(slot);
      if (key?.project === project) views.push(this.#view(slot, key));
    }
    return views
      .sort((left, right) => orderOf(left) - orderOf(right) || byVolume(left, right))
      .slice(0, SERVICES_LISTED_MAX);
  }

  /** The kept buckets of one service, oldest first; null when there is no such service. */
  buckets(key: SeriesKey): readonly BucketView[] | null {
    const slot = this.#directory.find(key);
    return slot < 0 ? null : this.#detector.bucketsOf(slot, 60);
  }

  #view(slot: number, key: SeriesKey): ServiceView {
    const buckets = this.#detector.bucketsOf(slot, SPARKLINE_BUCKETS);
    const newest = buckets.findLast((bucket) => bucket.closed) ?? buckets.at(-1);
    const seen = buckets.findLast(({ records }) => records > 0);
    return {
      ...key,
      state: this.#detector.stateOf(slot),
      recordsPerMinute: newest?.records ?? 0,
      errorsPerMinute: newest?.errors ?? 0,
      sparkline: buckets.map(({ records }) => records),
      lastSeenAt: seen === undefined ? null : new Date(seen.startMs).toISOString(),
    };
  }
}

function orderOf({ state }: ServiceView): number {
  return STATE_ORDER.indexOf(state);
}

function byVolume(left: ServiceView, right: ServiceView): number {
  return right.recordsPerMinute - left.recordsPerMinute;
}
