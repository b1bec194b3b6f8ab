import type { Kind } from "@tracer/core";
import type { Detector, Explanation, Transition } from "@tracer/detect";

/** Evidence below this share of its bar is not worth telling. */
const SHARE_MIN = 0.5;

/**
 * Why nothing was said although something was seen. `short_of_bar`: the evidence did not suffice. `hold`: it
 * did, but not for as long as this kind must last (a deploy or a batch is over by then).
 */
export interface ClosestCall {
  readonly reason: "short_of_bar" | "hold";
  readonly kind: Kind;
  readonly part: string;
  /** Event time, ms since the epoch. */
  readonly atMs: number;
  /** The most evidence there was, and its bar, in nats. */
  readonly evidence: number;
  readonly bar: number;
}

interface Watch {
  /** The best call that is over, and the one that is going on. */
  best: ClosestCall | null;
  now: ClosestCall | null;
  isOpen: boolean;
  /** True from the end of an alert until its evidence is gone. */
  fading: boolean;
}

/** Remembers, per service, until when it was learning and the closest calls of each kind. */
export class HeldBack {
  readonly #watches = new Map<number, Map<string, Watch>>();
  readonly #learnedMs = new Map<number, number>();

  /** Looks at every service; call it about once a minute of event time. */
  look(detector: Detector, slotEnd: number, nowMs: number): void {
    for (let slot = 0; slot < slotEnd; slot += 1) {
      if (!detector.has(slot)) continue;
      const state = detector.stateOf(slot);
      if (state !== "learning" && !this.#learnedMs.has(slot)) this.#learnedMs.set(slot, nowMs);
      const watched = this.#watches.get(slot);
      if (state !== "watch" && watched === undefined) continue;
      for (const explanation of detector.explain(slot)) this.#weigh(slot, explanation, nowMs);
    }
  }

  note({ state, signal }: Transition): void {
    const watch = this.#watchOf(signal.slot, signal.kind, signal.part);
    if (state === "opened") {
      watch.isOpen = true;
      watch.now = null; // It was not held back.
    } else if (state === "resolved") {
      watch.isOpen = false;
      watch.fading = true;
    }
  }

  /** When a service was first judged; null while it never was. */
  learnedMs(slot: number): number | null {
    return this.#learnedMs.get(slot) ?? null;
  }

  /** The closest call of each kind and part, the closest first. */
  callsOf(slot: number): ClosestCall[] {
    const watches = [...(this.#watches.get(slot)?.values() ?? [])];
    const calls = watches.flatMap(({ best, now }) => closer(best, now) ?? []);
    return calls.sort((left, right) => shareOf(right) - shareOf(left));
  }

  #weigh(slot: number, { kind, part, evidence, bar }: Explanation, atMs: number): void {
    const share = bar > 0 ? evidence / bar : 0;
    if (share < SHARE_MIN && this.#watches.get(slot)?.has(`${kind}/${part}`) !== true) return;
    const watch = this.#watchOf(slot, kind, part);
    if (share < SHARE_MIN) {
      watch.best = closer(watch.best, watch.now);
      watch.now = null;
      watch.fading = false;
    } else if (!watch.isOpen && !watch.fading) {
      const reason = share >= 1 ? "hold" : "short_of_bar";
      watch.now = closer(watch.now, { reason, kind, part, atMs, evidence, bar });
    }
  }

  #watchOf(slot: number, kind: Kind, part: string): Watch {
    const watches = this.#watches.get(slot) ?? new Map<string, Watch>();
    this.#watches.set(slot, watches);
    const key = `${kind}/${part}`;
    const watch = watches.get(key) ?? { best: null, now: null, isOpen: false, fading: false };
    watches.set(key, watch);
    return watch;
  }
}

function closer(left: ClosestCall | null, right: ClosestCall | null): ClosestCall | null {
  if (left === null || right === null) return left ?? right;
  return shareOf(right) > shareOf(left) ? right : left;
}

function shareOf({ evidence, bar }: ClosestCall): number {
  return bar > 0 ? evidence / bar : 0;
}
