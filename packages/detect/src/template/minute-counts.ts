import { BUCKET_MS } from "@tracer/core";

/** Minutes that are remembered: the hour before something, and half an hour of it. */
export const MINUTES = 90;
const COUNT_MAX = 65_535;

/** Lines in each of the last MINUTES minutes of event time. */
export class MinuteCounts {
  readonly #counts = new Uint16Array(MINUTES);
  /** The newest minute that was counted. */
  #newest = Number.NEGATIVE_INFINITY;

  add(timestampMs: number, count: number): void {
    const minute = Math.floor(timestampMs / BUCKET_MS);
    this.#moveTo(minute);
    if (minute <= this.#newest - MINUTES) return;
    const at = placeOf(minute);
    this.#counts[at] = Math.min(COUNT_MAX, (this.#counts[at] ?? 0) + Math.round(count));
  }

  /** Lines in the minutes from that of `fromMs` to before that of `toMs`. */
  sum(fromMs: number, toMs: number): number {
    const from = Math.max(Math.floor(fromMs / BUCKET_MS), this.#newest - MINUTES + 1);
    const to = Math.min(Math.ceil(toMs / BUCKET_MS), this.#newest + 1);
    let sum = 0;
    for (let minute = from; minute < to; minute += 1) sum += this.#counts[placeOf(minute)] ?? 0;
    return sum;
  }

  /** Lines of one minute. */
  at(minute: number): number {
    if (minute > this.#newest || minute <= this.#newest - MINUTES) return 0;
    return this.#counts[placeOf(minute)] ?? 0;
  }

  /** Takes over what another has counted. */
  merge(other: MinuteCounts): void {
    for (const [minute, count] of other.entries()) this.add(minute * BUCKET_MS, count);
  }

  /** The minutes that have lines, oldest first. */
  entries(): (readonly [minute: number, count: number])[] {
    const entries: (readonly [number, number])[] = [];
    if (!Number.isFinite(this.#newest)) return entries;
    for (let minute = this.#newest - MINUTES + 1; minute <= this.#newest; minute += 1) {
      const count = this.at(minute);
      if (count > 0) entries.push([minute, count]);
    }
    return entries;
  }

  #moveTo(minute: number): void {
    if (minute <= this.#newest) return;
    const from = Math.max(this.#newest + 1, minute - MINUTES + 1);
    for (let each = from; each <= minute; each += 1) this.#counts[placeOf(each)] = 0;
    this.#newest = minute;
  }
}

function placeOf(minute: number): number {
  return ((minute % MINUTES) + MINUTES) % MINUTES;
}
