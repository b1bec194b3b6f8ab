const DAY_MS = 86_400_000;
const BINS = 96;
/** Share of a new day in what a bin knows: about the last six days count. */
const DAY_SHARE = 0.3;
/** Days of its own after which weekday or weekend counts as much as all days together. */
const OWN_DAYS = 2;
const ALL_DAYS = 0;
const WEEKDAY = 1;
const WEEKEND = 2;

/**
 * What is usual at this time of day (UTC, 96 bins of 15 minutes, interpolated), learned from the timestamps:
 * for all days, and for weekdays and weekends once there were a few of them.
 */
export class DayProfile {
  readonly #means = new Float64Array(3 * BINS);
  /** Days seen by each bin; a part of a day is a fraction. */
  readonly #days = new Float64Array(3 * BINS);

  /** Null while nothing near this time of day was ever seen. */
  expected(timestampMs: number): number | null {
    const all = this.#interpolated(ALL_DAYS, timestampMs);
    if (all === null) return null;
    const own = this.#interpolated(dayClass(timestampMs), timestampMs);
    if (own === null) return all.mean;
    const share = own.days / (own.days + OWN_DAYS);
    return all.mean * (1 - share) + own.mean * share;
  }

  /** `rowsPerBin`: how many rows of one day fall into one bin, 1 or more. */
  learn(timestampMs: number, value: number, rowsPerBin: number): void {
    const bin = Math.min(BINS - 1, Math.floor(binOf(timestampMs)));
    for (const group of [ALL_DAYS, dayClass(timestampMs)]) {
      const at = group * BINS + bin;
      const days = (this.#days[at] ?? 0) + 1 / rowsPerBin;
      const mean = this.#means[at] ?? 0;
      const share = Math.min(1, Math.max(DAY_SHARE / rowsPerBin, 1 / (days * rowsPerBin)));
      this.#days[at] = days;
      this.#means[at] = mean + (value - mean) * share;
    }
  }

  #interpolated(group: number, timestampMs: number): { mean: number; days: number } | null {
    const position = binOf(timestampMs) - 0.5; // A bin knows its middle.
    const floor = Math.floor(position);
    const before = group * BINS + ((floor + BINS) % BINS);
    const after = group * BINS + ((floor + 1) % BINS);
    const daysBefore = this.#days[before] ?? 0;
    const daysAfter = this.#days[after] ?? 0;
    if (daysBefore === 0 && daysAfter === 0) return null;
    const share = daysBefore === 0 ? 1 : daysAfter === 0 ? 0 : position - floor;
    return {
      mean: (1 - share) * (this.#means[before] ?? 0) + share * (this.#means[after] ?? 0),
      days: (1 - share) * daysBefore + share * daysAfter,
    };
  }
}

/** Rows of one day that fall into one bin, for rows that come every `intervalMs`; at least 1. */
export function rowsPerBin(intervalMs: number): number {
  return intervalMs > 0 ? Math.max(1, DAY_MS / BINS / intervalMs) : 1;
}

function binOf(timestampMs: number): number {
  const timeOfDayMs = ((timestampMs % DAY_MS) + DAY_MS) % DAY_MS;
  return (timeOfDayMs / DAY_MS) * BINS;
}

/** 1970-01-01 was a Thursday: days 2 and 3 from there are a weekend. */
function dayClass(timestampMs: number): number {
  const day = ((Math.floor(timestampMs / DAY_MS) % 7) + 7) % 7;
  return day === 2 || day === 3 ? WEEKEND : WEEKDAY;
}
