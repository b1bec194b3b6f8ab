import { DECISION_STATES, type DecisionState } from "@tracer/store";

/** Kinds and parts that are looked at each minute. */
export const LOOKED_PARTS = 5;

const SLOTS_MIN = 1_024;

/**
 * What was last seen and written of each slot, in 30 bytes. Minutes are event time since the epoch; 0 means
 * never.
 */
export class LastLooks {
  #slots = SLOTS_MIN;
  #recorded = new Uint8Array(SLOTS_MIN);
  #looked = new Uint32Array(SLOTS_MIN);
  #written = new Uint32Array(SLOTS_MIN * LOOKED_PARTS);
  #states = new Uint8Array(SLOTS_MIN * LOOKED_PARTS);
  /** Slots that are recorded. */
  count = 0;

  isRecorded(slot: number): boolean {
    return this.#recorded[slot] === 1;
  }

  record(slot: number): void {
    this.#reserve(slot);
    if (this.isRecorded(slot)) return;
    this.#recorded[slot] = 1;
    this.count += 1;
  }

  /** Forgets a slot: it will be another service's. */
  release(slot: number): void {
    if (!this.isRecorded(slot)) return;
    this.#recorded[slot] = 0;
    this.count -= 1;
    this.#looked[slot] = 0;
    this.#written.fill(0, slot * LOOKED_PARTS, (slot + 1) * LOOKED_PARTS);
    this.#states.fill(0, slot * LOOKED_PARTS, (slot + 1) * LOOKED_PARTS);
  }

  /** The newest minute that was looked at. */
  lookedMinute(slot: number): number {
    return this.#looked[slot] ?? 0;
  }

  setLooked(slot: number, minute: number): void {
    this.#looked[slot] = minute;
  }

  writtenMinute(slot: number, part: number): number {
    return this.#written[slot * LOOKED_PARTS + part] ?? 0;
  }

  /** The state of the newest row; null when there is none. */
  state(slot: number, part: number): DecisionState | null {
    return DECISION_STATES[(this.#states[slot * LOOKED_PARTS + part] ?? 0) - 1] ?? null;
  }

  setWritten(slot: number, part: number, state: DecisionState, minute: number): void {
    this.#states[slot * LOOKED_PARTS + part] = DECISION_STATES.indexOf(state) + 1;
    this.#written[slot * LOOKED_PARTS + part] = minute;
  }

  #reserve(slot: number): void {
    if (slot < this.#slots) return;
    while (slot >= this.#slots) this.#slots *= 2;
    const parts = this.#slots * LOOKED_PARTS;
    this.#recorded = larger(this.#recorded, new Uint8Array(this.#slots));
    this.#looked = larger(this.#looked, new Uint32Array(this.#slots));
    this.#written = larger(this.#written, new Uint32Array(parts));
    this.#states = larger(this.#states, new Uint8Array(parts));
  }
}

function larger<Numbers extends Uint8Array | Uint32Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from);
  return to;
}
