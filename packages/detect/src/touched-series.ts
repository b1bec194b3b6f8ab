/** The series of the batch in hand, each once, with the extremes of what the batch holds of it. */
export class TouchedSeries {
  readonly slots: number[] = [];
  newestMs = new Float64Array(64);
  oldestStep = new Int32Array(64);
  #stamp = new Uint32Array(64);
  #batch = 0;

  /** Forgets the batch before. */
  begin(): void {
    this.#batch += 1;
    this.slots.length = 0;
  }

  touch(slot: number, step: number, newestMs: number): void {
    while (slot >= this.#stamp.length) this.#grow();
    if (this.#stamp[slot] !== this.#batch) {
      this.#stamp[slot] = this.#batch;
      this.newestMs[slot] = newestMs;
      this.oldestStep[slot] = step;
      this.slots.push(slot);
      return;
    }
    if (newestMs > (this.newestMs[slot] ?? 0)) this.newestMs[slot] = newestMs;
    if (step < (this.oldestStep[slot] ?? 0)) this.oldestStep[slot] = step;
  }

  #grow(): void {
    const length = this.#stamp.length * 2;
    const stamps = new Uint32Array(length);
    stamps.set(this.#stamp);
    this.#stamp = stamps;
    const newest = new Float64Array(length);
    newest.set(this.newestMs);
    this.newestMs = newest;
    const oldest = new Int32Array(length);
    oldest.set(this.oldestStep);
    this.oldestStep = oldest;
  }
}
