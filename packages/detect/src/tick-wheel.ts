const SPOKES = 64;
const NONE = 0; // Links hold slot + 1, so that fresh memory is empty.

/**
 * Series waiting for the second in which their next step may be due: a wheel of lists, one spoke per
 * second. A tick touches only the lists of the seconds that passed.
 */
export class TickWheel {
  readonly #heads = new Int32Array(SPOKES);
  #links = new Int32Array(64);
  #spokes = new Uint8Array(64); // Per slot, its spoke + 1, or NONE while it is in none.
  #second: number | null = null;

  /** Seconds ahead that a series can wait at most; it is looked at again then. */
  static readonly aheadMax = SPOKES - 2;

  /** The second up to which it has turned; null before the first turn. */
  get second(): number | null {
    return this.#second;
  }

  /** Goes on where a wheel that is empty now had got to. */
  resume(second: number | null): void {
    this.#second = second;
  }

  /** The second for which a series waits, such that `add` puts it back into the same place; null when it does not wait. */
  dueOf(slot: number): number | null {
    const spoke = (this.#spokes[slot] ?? NONE) - 1;
    if (spoke < 0) return null;
    const now = this.#second;
    return now === null ? spoke : now + ((((spoke - now) % SPOKES) + SPOKES) % SPOKES);
  }

  /** Puts a series that is not in the wheel into it. */
  add(slot: number, second: number): void {
    while (slot >= this.#links.length) {
      const larger = new Int32Array(this.#links.length * 2);
      larger.set(this.#links);
      this.#links = larger;
      const spokes = new Uint8Array(larger.length);
      spokes.set(this.#spokes);
      this.#spokes = spokes;
    }
    const now = this.#second ?? second - 1;
    const due = Math.min(Math.max(second, now + 1), now + TickWheel.aheadMax);
    const spoke = ((due % SPOKES) + SPOKES) % SPOKES;
    this.#links[slot] = this.#heads[spoke] ?? NONE;
    this.#heads[spoke] = slot + 1;
    this.#spokes[slot] = spoke + 1;
  }

  /** Takes out and visits every series that is due by `second`. Seconds never go back. */
  turn(second: number, visit: (slot: number) => void): void {
    const from = Math.max(this.#second === null ? second - SPOKES : this.#second, second - SPOKES);
    if (this.#second !== null && second <= this.#second) return;
    this.#second = second;
    for (let at = from + 1; at <= second; at += 1) {
      const spoke = ((at % SPOKES) + SPOKES) % SPOKES;
      let link = this.#heads[spoke] ?? NONE;
      this.#heads[spoke] = NONE;
      while (link !== NONE) {
        const slot = link - 1;
        this.#spokes[slot] = NONE;
        link = this.#links[slot] ?? NONE; // Read before the visit puts the series back.
        visit(slot);
      }
    }
  }
}
