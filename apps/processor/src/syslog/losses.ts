import type { Observe } from "../observe.ts";

export interface LossesOptions {
  readonly protocol: string;
  readonly what: "dropped" | "clipped" | "connection_refused" | "connection_broken";
  readonly monotonicMs: () => number;
  readonly observe: Observe;
}

/** Losses come in floods: they are counted each second and written to the log once a minute. */
const COUNT_EACH_MS = 1_000;
const SAY_EACH_MS = 60_000;

/** Counts what a sender cannot be told. */
export class Losses implements Disposable {
  readonly #options: LossesOptions;
  #count = 0;
  #total = 0;
  #saidMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: LossesOptions) {
    this.#options = options;
  }

  add(count: number): void {
    if (count === 0) return;
    this.#count += count;
    this.#timer ??= setTimeout(() => this.#tell(), COUNT_EACH_MS);
  }

  [Symbol.dispose](): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#count > 0) this.#tell();
  }

  #tell(): void {
    const { protocol, what, monotonicMs, observe } = this.#options;
    this.#timer = null;
    this.#total += this.#count;
    const say = monotonicMs() - this.#saidMs >= SAY_EACH_MS;
    observe({ name: "syslog_loss", protocol, what, count: this.#count, total: this.#total, say });
    this.#count = 0;
    if (say) this.#saidMs = monotonicMs();
  }
}
