import type { Clock } from "@tracer/core";

/** How far one reading may move the clock, in ms. */
const STEP_MS_MAX = 500;
/** A reading whose round trip took longer than this says too little about the offset. */
const ROUND_TRIP_MS_MAX = 1_000;
/** Two readings in a row that agree on a difference of this much: the clock was set, or we slept. Jump. */
const JUMP_MS_MIN = 10_000;

/**
 * Receipt time: what the database's clock shows, carried by this process' monotonic clock, so that a
 * processor whose own date is an hour off decides as the others do. Before the first reading it follows
 * the machine's clock.
 */
export class ReceiptClock {
  readonly #clock: Clock;
  #offsetMs: number;
  #known = false;
  #lastMoveMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#offsetMs = clock.wallMs() - clock.monotonicMs();
  }

  /** Milliseconds since the epoch. */
  nowMs(): number {
    return this.#clock.monotonicMs() + this.#offsetMs;
  }

  /** How far this machine's date is from the database's, in ms; positive when ours is ahead. */
  skewMs(): number {
    return this.#clock.wallMs() - this.nowMs();
  }

  /**
   * Takes one reading of the database's clock. The first sets the clock, later ones move it by at most
   * STEP_MS_MAX, so that no correction closes steps by a jump; a second reading that is far off in the
   * same way is believed at once. True: this reading was far off, so take another now.
   */
  async refresh(readDatabaseMs: () => Promise<number>): Promise<boolean> {
    const before = this.#clock.monotonicMs();
    const databaseMs = await readDatabaseMs();
    const after = this.#clock.monotonicMs();
    if (this.#known && after - before > ROUND_TRIP_MS_MAX) return false;
    const offsetMs = databaseMs - (before + after) / 2;
    const moveMs = offsetMs - this.#offsetMs;
    const jump =
      Math.abs(moveMs) >= JUMP_MS_MIN &&
      Math.abs(this.#lastMoveMs) >= JUMP_MS_MIN &&
      Math.abs(moveMs - this.#lastMoveMs) < JUMP_MS_MIN;
    const step = Math.min(STEP_MS_MAX, Math.max(-STEP_MS_MAX, moveMs));
    this.#offsetMs += jump || !this.#known ? moveMs : step;
    this.#lastMoveMs = jump || !this.#known ? 0 : moveMs;
    this.#known = true;
    return Math.abs(this.#lastMoveMs) >= JUMP_MS_MIN;
  }
}
