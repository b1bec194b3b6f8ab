import { DEAD_AFTER_SECONDS } from "@tracer/store";

/** Before others may take over what a silent processor holds, its sends are cut off; this much before. */
const MARGIN_MS = 1_000;
const SILENT_MS_MAX = DEAD_AFTER_SECONDS * 1e3 - MARGIN_MS;

/**
 * Whether others can see that this processor is alive. One that is alive and cannot say so looks dead, and what
 * it holds is taken over: a send that it is still about to make would be a second one.
 */
export class Pulse {
  readonly #monotonicMs: () => number;
  #silent = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #begunMs = 0;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
    this.beaten(monotonicMs());
  }

  /** Aborts when the last heartbeat is nearly too old. A new one is had after the next heartbeat. */
  get signal(): AbortSignal {
    // A process that was stopped for a while gets here before its timers do.
    if (this.#monotonicMs() - this.#begunMs >= SILENT_MS_MAX) this.#silent.abort("silent");
    return this.#silent.signal;
  }

  /** A heartbeat has succeeded that was begun at this monotonic time: its instant in the database is not before. */
  beaten(begunMs: number): void {
    clearTimeout(this.#timer);
    if (this.#silent.signal.aborted) this.#silent = new AbortController();
    this.#begunMs = begunMs;
    const leftMs = SILENT_MS_MAX - (this.#monotonicMs() - begunMs);
    const controller = this.#silent;
    if (leftMs <= 0) controller.abort("silent");
    else this.#timer = setTimeout(() => controller.abort("silent"), leftMs).unref();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
