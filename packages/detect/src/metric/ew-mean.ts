/** Exponentially weighted mean. While it warms up it is the plain mean of what it has seen. */
export class EwMean {
  #mean = 0;
  #count = 0;
  readonly #rate: number;

  /** `rows`: how many rows the memory is long. */
  constructor(rows: number) {
    this.#rate = 1 / rows;
  }

  get mean(): number {
    return this.#mean;
  }

  /** What the mean would be after `value`: lets a row be judged by a mean that contains it. */
  with(value: number): number {
    if (this.#count === 0) return value;
    return this.#mean + (value - this.#mean) * this.#rate;
  }

  learn(value: number): void {
    this.#count += 1;
    this.#mean += (value - this.#mean) * Math.max(this.#rate, 1 / this.#count);
  }
}
