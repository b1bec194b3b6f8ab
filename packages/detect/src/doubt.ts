import { STEP_MS } from "@tracer/core";

/** A stretch of event time, [fromMs, untilMs). */
export interface Stretch {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** The one stretch of whose steps counts of other processors may be missing. */
export class Doubt {
  #stretch: Stretch = { fromMs: Number.NEGATIVE_INFINITY, untilMs: Number.NEGATIVE_INFINITY };

  /** One that begins within the last extends it, and one that begins later takes its place. */
  extend({ fromMs, untilMs }: Stretch): void {
    const before = this.#stretch;
    if (fromMs > before.untilMs) this.#stretch = { fromMs, untilMs };
    else this.#stretch = { fromMs: before.fromMs, untilMs: Math.max(before.untilMs, untilMs) };
  }

  isOverAt(timeMs: number): boolean {
    return timeMs >= this.#stretch.untilMs;
  }

  /** The end of the doubted steps from `step` on; `step` itself, or one before it, when it is not in doubt. */
  missingUntil(step: number): number {
    const { fromMs, untilMs } = this.#stretch;
    return step * STEP_MS < fromMs ? step : Math.ceil(untilMs / STEP_MS);
  }
}
