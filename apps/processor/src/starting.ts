import type { Observe } from "./observe.ts";

/** A start that waits for one thing for longer says so, once. */
export const SLOW_MS = 5_000;

/** Watches a start: what it waits for, and whether it is to go on at all. */
export class Starting implements Disposable {
  readonly #observe: Observe;
  readonly #stop: AbortSignal;
  #timer: NodeJS.Timeout | undefined;
  #what = "";

  constructor(observe: Observe, stop: AbortSignal) {
    this.#observe = observe;
    this.#stop = stop;
  }

  /** What comes next waits for `what`; it may be said again. Throws the reason of the stop when there is one. */
  waitFor(what: string): void {
    this.#stop.throwIfAborted();
    if (what === this.#what) return;
    this.#what = what;
    clearTimeout(this.#timer);
    const seconds = SLOW_MS / 1000;
    const say = () => this.#observe({ name: "start_slow", waitsFor: what, seconds });
    this.#timer = setTimeout(say, SLOW_MS).unref();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
