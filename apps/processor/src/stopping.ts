import type { Observe } from "./observe.ts";

/**
 * What a stop in order may take, in ms from its beginning. Each part ends by its own time, whatever the database
 * and the providers do, so that the next one still has some: what is on disk, and the answers of the providers.
 */
export const STOP_MS = {
  /** What was admitted is counted and written to the database; the rest is kept on disk. */
  write: 4_000,
  /** Messages that are under way may end until then; then they are cut off… */
  send: 5_000,
  /** …and what became of them is written. */
  settle: 8_000,
  /** Others are told that this processor is gone. */
  retire: 8_600,
  /** The snapshot, which is written meanwhile, is on disk; else the one before stays. */
  snapshot: 8_800,
  /** The database is closed. */
  close: 9_000,
  /** The process ends. Who runs it kills it after 10 s. */
  exit: 9_500,
} as const;

export type StopPart = keyof typeof STOP_MS;

/** Measures a stop. It begins with the first part that is asked for, if not before. */
export class StopClock {
  readonly #monotonicMs: () => number;
  readonly #observe: Observe;
  #begunMs: number | null = null;

  constructor(monotonicMs: () => number, observe: Observe) {
    this.#monotonicMs = monotonicMs;
    this.#observe = observe;
  }

  begin(): void {
    this.#begunMs ??= this.#monotonicMs();
  }

  /** Until a part has to have ended, in ms from now; 0 when that is over. */
  leftMs(part: StopPart): number {
    this.begin();
    const sinceMs = this.#monotonicMs() - (this.#begunMs ?? 0);
    return Math.max(0, STOP_MS[part] - sinceMs);
  }

  /** Waits for work, until its part has to have ended. Later it is left alone, which is said; it never rejects then. */
  async within(part: StopPart, work: Promise<unknown>): Promise<void> {
    const late = Promise.withResolvers<"late">();
    const timer = setTimeout(late.resolve, this.leftMs(part), "late");
    try {
      const ended = await Promise.race([work, late.promise]);
      if (ended !== "late") return;
      work.catch(() => {});
      this.#observe({ name: "stop_cut_short", part });
    } finally {
      clearTimeout(timer);
    }
  }
}
