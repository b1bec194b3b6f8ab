import { LevelIndex, STEP_MS } from "@tracer/core";
import { invalidSnapshot, soundNumber } from "../snapshot-bytes.ts";

/** Lines of level info that pass per service and step… */
export const INFO_LINES_PER_STEP_MAX = 3;
/** …and warnings and errors: all of them, short of a flood. */
export const GRAVE_LINES_PER_STEP_MAX = 2_000;

/** Columns of a slot: the step in hand, and lines in it and in the one before, of info and of what is graver. */
const SLOTS_FIRST = 64;
const WIDTH = 5;

/**
 * Says which lines pass to the templates, and for how many each stands: every warning and error, and every so
 * many-th line of level info, evenly over a step as far as the step before tells. Trace and debug never pass.
 * Depends on nothing but the order of the lines.
 */
export class LineSampler {
  #columns = new Float64Array(WIDTH * SLOTS_FIRST);

  /** How many lines this one stands for; 0: it does not pass. */
  weigh(slot: number, timestampMs: number, level: number): number {
    if (level < LevelIndex.info) return 0;
    const base = slot * WIDTH;
    if (base >= this.#columns.length) this.#grow(base + WIDTH);
    const columns = this.#columns;
    const step = Math.floor(timestampMs / STEP_MS);
    const current = columns[base] ?? 0;
    if (step > current) {
      const next = step === current + 1;
      columns[base] = step;
      columns[base + 2] = next ? (columns[base + 1] ?? 0) : 0;
      columns[base + 1] = 0;
      columns[base + 4] = next ? (columns[base + 3] ?? 0) : 0;
      columns[base + 3] = 0;
    }
    if (level === LevelIndex.info) {
      const seen = columns[base + 1] ?? 0;
      columns[base + 1] = seen + 1;
      return weightOf(seen, columns[base + 2] ?? 0, INFO_LINES_PER_STEP_MAX, step);
    }
    const seen = columns[base + 3] ?? 0;
    columns[base + 3] = seen + 1;
    return weightOf(seen, columns[base + 4] ?? 0, GRAVE_LINES_PER_STEP_MAX, step);
  }

  /** The state of a slot, for a snapshot. */
  saved(slot: number): number[] {
    return [...this.#columns.slice(slot * WIDTH, (slot + 1) * WIDTH)];
  }

  /** @throws TracerError SNAPSHOT_INVALID */
  load(slot: number, saved: unknown): void {
    if (!Array.isArray(saved) || saved.length > WIDTH) throw invalidSnapshot("a sample is none");
    const base = slot * WIDTH;
    if (base >= this.#columns.length) this.#grow(base + WIDTH);
    for (const [at, value] of saved.entries()) {
      this.#columns[base + at] = soundNumber(typeof value === "number" ? value : undefined);
    }
  }

  release(slot: number): void {
    const base = slot * WIDTH;
    if (base < this.#columns.length) this.#columns.fill(0, base, base + WIDTH);
  }

  /** Gives back the memory of slots from `slotEnd` on, when that is most of it; they are free. */
  trim(slotEnd: number): void {
    const kept = Math.max(SLOTS_FIRST, slotEnd * 2) * WIDTH;
    if (kept * 2 > this.#columns.length) return;
    this.#columns = this.#columns.slice(0, kept);
  }

  #grow(length: number): void {
    const larger = new Float64Array(Math.max(length, this.#columns.length * 2));
    larger.set(this.#columns);
    this.#columns = larger;
  }
}

/** `seen` lines came before it in this step, `before` in the last one. */
function weightOf(seen: number, before: number, max: number, step: number): number {
  let stride = before <= max ? 1 : Math.ceil(before / max);
  // More than the last step let expect: thinner and thinner, so that a flood stays bounded.
  while (seen >= stride * max) stride *= 2;
  if (stride === 1) return 1;
  return seen % stride === step % stride ? stride : 0;
}
