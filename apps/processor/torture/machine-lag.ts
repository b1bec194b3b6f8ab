import { setTimeout as pause } from "node:timers/promises";
import type { Pool } from "@tracer/store";
import { percentile } from "./percentile.ts";

const PROBE_MS = 100;

/**
 * How late a machine is that has too much to do: what a short pause takes too long, and a question that any
 * database answers at once. A bound on the product's time is judged beyond it. Some ms on a quiet machine.
 */
export class MachineLag implements AsyncDisposable {
  readonly #samples: number[] = [];
  readonly #stop = new AbortController();
  readonly #probing: Promise<void>;

  /** `pool` is one that nothing is done to. */
  constructor(pool: Pool) {
    this.#probing = this.#probe(pool);
  }

  get worstMs(): number {
    return Math.max(0, ...this.#samples);
  }

  get p99Ms(): number {
    return percentile(this.#samples, 0.99);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#probing;
  }

  async #probe(pool: Pool): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const startedMs = performance.now();
      await pause(PROBE_MS);
      await pool.query("select 1").catch(() => {});
      this.#samples.push(performance.now() - startedMs - PROBE_MS);
    }
  }
}
