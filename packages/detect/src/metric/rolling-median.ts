/** Median of the last `rowsMax` values: a ring in order of arrival beside the same values in order of size. */
export class RollingMedian {
  readonly #ring: Float64Array;
  readonly #sorted: Float64Array;
  #count = 0;
  #next = 0;

  constructor(rowsMax: number) {
    this.#ring = new Float64Array(rowsMax);
    this.#sorted = new Float64Array(rowsMax);
  }

  /** 0 before the first value. */
  get median(): number {
    if (this.#count === 0) return 0;
    const half = this.#count >> 1;
    const upper = this.#sorted[half] ?? 0;
    if (this.#count % 2 === 1) return upper;
    const lower = this.#sorted[half - 1] ?? 0;
    return lower + (upper - lower) / 2; // Never the sum: it may not be finite.
  }

  learn(value: number): void {
    const rowsMax = this.#ring.length;
    if (this.#count === rowsMax) {
      const gone = this.#rank(this.#ring[this.#next] ?? 0);
      this.#sorted.copyWithin(gone, gone + 1, this.#count);
      this.#count -= 1;
    }
    const rank = this.#rank(value);
    this.#sorted.copyWithin(rank + 1, rank, this.#count);
    this.#sorted[rank] = value;
    this.#count += 1;
    this.#ring[this.#next] = value;
    this.#next = (this.#next + 1) % rowsMax;
  }

  /** How many of the values are smaller. */
  #rank(value: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sorted[middle] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
