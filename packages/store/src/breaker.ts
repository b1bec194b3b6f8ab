import { TracerError } from "@tracer/core";

/** So many failures in a row, none of them older than the window, and the database is taken for away… */
export const FAILURES_MAX = 3;
export const FAILURE_WINDOW_MS = 10_000;
/** …once they span so long: when this process stalls, all calls in flight time out in the same moment. */
export const FAILURE_SPAN_MS_MIN = 1_000;
/** So long nobody asks a database that is away; then one looks whether it is back. */
export const OPEN_MS = 500;

export interface BreakerOptions {
  readonly monotonicMs: () => number;
  /** Asks the database for nothing much. Rejects when it is away. Should end soon. */
  readonly probe: () => Promise<unknown>;
  /** The error says that the database could not be asked. Anything else is an answer of it. */
  readonly isFailure: (error: unknown) => boolean;
}

/**
 * Keeps callers from waiting for a database that is away, and from piling up on its pool.
 *
 *     closed ─failures in a row, over a second→ open ─OPEN_MS→ one caller probes ─answer→ closed
 *                                               ↑────────────────no answer────────┘
 *
 * While it is open, and while one caller probes, all others are refused at once.
 */
export class Breaker {
  readonly #options: BreakerOptions;
  #failures = 0;
  #firstFailureMs = 0;
  /** Null: closed. */
  #openUntilMs: number | null = null;
  #probing = false;
  /** Calls begun before the last time it closed say nothing about now. */
  #generation = 0;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  /** @throws TracerError DATABASE_UNAVAILABLE without having asked; else what `work` throws. */
  async call<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#openUntilMs !== null) await this.#probe(this.#openUntilMs);
    const generation = this.#generation;
    try {
      const result = await work();
      if (this.#openUntilMs === null) this.#failures = 0;
      return result;
    } catch (error) {
      if (!this.#options.isFailure(error)) this.#failures = 0;
      else if (generation === this.#generation) this.#failed();
      throw error;
    }
  }

  async #probe(openUntilMs: number): Promise<void> {
    const { monotonicMs, probe } = this.#options;
    const leftMs = Math.ceil(openUntilMs - monotonicMs());
    if (this.#probing || leftMs > 0) {
      throw new TracerError(
        "DATABASE_UNAVAILABLE",
        leftMs > 0
          ? `The database is away; it is not asked for ${leftMs} ms more.`
          : "The database is away; somebody else is looking whether it is back.",
      );
    }
    this.#probing = true;
    try {
      await probe();
      this.#openUntilMs = null;
      this.#failures = 0;
      this.#generation += 1;
    } catch (error) {
      this.#openUntilMs = monotonicMs() + OPEN_MS;
      throw error;
    } finally {
      this.#probing = false;
    }
  }

  #failed(): void {
    if (this.#openUntilMs !== null) return;
    const nowMs = this.#options.monotonicMs();
    if (this.#failures === 0 || nowMs - this.#firstFailureMs > FAILURE_WINDOW_MS) {
      this.#failures = 0;
      this.#firstFailureMs = nowMs;
    }
    this.#failures += 1;
    if (this.#failures < FAILURES_MAX || nowMs - this.#firstFailureMs < FAILURE_SPAN_MS_MIN) return;
    this.#openUntilMs = nowMs + OPEN_MS;
  }
}
