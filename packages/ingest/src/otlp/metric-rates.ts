import type { MetricPoint } from "./metrics.ts";

/** A plain number of a series. */
export interface MetricValue {
  readonly name: string;
  readonly value: number;
}

/** Totals remembered at once; the longest unseen gives way. */
export const TOTALS_MAX = 20_000;

interface Total {
  readonly value: number;
  readonly count: number;
  readonly startMs: number;
  readonly timeMs: number;
}

/**
 * Makes plain numbers of points: a level stands for itself, a growing total becomes a rate a second, a
 * histogram its mean and its rate. A total that fell or began anew counts from its new beginning.
 */
export class MetricRates {
  readonly #totals = new Map<string, Total>();

  /** `scope`: tells apart points of the same name, such as the project. */
  valuesOf(point: MetricPoint, scope: string): MetricValue[] {
    const { name, kind, value, count, startMs, timeMs } = point;
    if (kind === "value") return [{ name, value }];
    const now = { value, count: count ?? 0, startMs, timeMs };
    const before = kind === "delta" ? null : this.#swap(point, scope, now);
    if (kind === "total" && before === null) return []; // The first is a total of unknown age.
    const isNew =
      before === null ||
      value < before.value ||
      now.count < before.count ||
      startMs > before.timeMs;
    const since = isNew ? { value: 0, count: 0, timeMs: startMs } : before;
    const seconds = (timeMs - since.timeMs) / 1_000;
    if (!(seconds > 0) || since.timeMs <= 0) return [];
    if (count === null)
      return [{ name: `${name} per second`, value: (value - since.value) / seconds }];
    const counted = count - since.count;
    const rate = { name: `${name} count per second`, value: counted / seconds };
    return counted > 0
      ? [{ name: `${name} mean`, value: (value - since.value) / counted }, rate]
      : [rate];
  }

  #swap(point: MetricPoint, scope: string, now: Total): Total | null {
    const id = JSON.stringify([scope, point.environment, point.service, point.name]);
    const before = this.#totals.get(id) ?? null;
    if (before !== null && before.timeMs >= now.timeMs) return null; // Late, or sent twice.
    this.#totals.delete(id);
    this.#totals.set(id, now);
    const [oldest] = this.#totals.keys();
    if (this.#totals.size > TOTALS_MAX && oldest !== undefined) this.#totals.delete(oldest);
    return before;
  }
}
