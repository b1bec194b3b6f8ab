import type { DeliveryTask, Verdict } from "@tracer/core";
import type { Channel } from "@tracer/notify";
import type { ClaimedDelivery, SettleOptions } from "@tracer/store";
import type { Observe } from "./observe.ts";

/** Deliveries in flight at once. */
export const IN_FLIGHT_MAX = 16;
/** First pause after a failed attempt, and the longest; in between it doubles, with full jitter. */
const BACKOFF_MS_MIN = 1_000;
const BACKOFF_MS_MAX = 300_000;
/** A delivery whose end is unknown is looked up again soon. */
const AMBIGUOUS_MS = 1_000;
/** A channel that needs a person is asked again this often. */
const RECONNECT_MS = 60_000;

export interface DispatcherOptions {
  readonly channels: readonly Channel[];
  readonly claim: (limit: number) => Promise<readonly ClaimedDelivery[]>;
  /** Writes the attempt row; null when the lease is no longer ours. */
  readonly recordAttempt: (delivery: ClaimedDelivery) => Promise<string | null>;
  readonly settle: (options: SettleOptions) => Promise<"settled" | "fenced">;
  readonly linkOf: (incidentId: string) => string;
  readonly monotonicMs: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly observe: Observe;
  readonly onSettled: (channel: string, verdict: Verdict) => void;
  /** Called whenever an attempt has ended and another may begin. */
  readonly onFree: () => void;
}

/** Lease → attempt row → send → settle. Holds no transaction during a send. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #channels: ReadonlyMap<string, Channel>;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#channels = new Map(options.channels.map((channel) => [channel.name, channel]));
  }

  /** Claims what is due, as far as hands are free, and starts sending it. Throws when the claim fails. */
  async round(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const free = IN_FLIGHT_MAX - this.#inFlight.size;
    if (free === 0) return; // The next one that ends asks for another round.
    for (const delivery of await this.#options.claim(free)) {
      const sending = this.#deliver(delivery)
        // Unsettled is safe: the lease expires on the database's clock and the delivery runs again.
        .catch((error: unknown) => {
          this.#options.observe({ name: "loop_failed", loop: "deliver", error });
        })
        .finally(() => {
          this.#inFlight.delete(sending);
          this.#options.onFree();
        });
      this.#inFlight.add(sending);
    }
  }

  /** Claims nothing more and waits for what is in flight, at most `graceMs`; then cuts it off. */
  async drain(graceMs: number): Promise<void> {
    const cutOff = setTimeout(() => this.#stop.abort(), graceMs);
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight);
    clearTimeout(cutOff);
  }

  async #deliver(delivery: ClaimedDelivery): Promise<void> {
    const { observe, onSettled, monotonicMs } = this.#options;
    const startedMs = monotonicMs();
    const attemptId = await this.#options.recordAttempt(delivery);
    if (attemptId === null) return;
    const verdict = await this.#send(delivery);
    const settled = await this.#options.settle({
      deliveryId: delivery.deliveryId,
      leaseToken: delivery.leaseToken,
      attemptId,
      verdict,
      retryAfterMs: this.#retryAfterMs(verdict, delivery.attempts),
    });
    onSettled(delivery.channel, verdict);
    observe({
      name: "delivery_settled",
      channel: delivery.channel,
      action: delivery.action,
      outcome: settled === "fenced" ? "fenced" : verdict.kind,
      reason: verdict.kind === "sent" ? null : verdict.reason,
      incidentId: delivery.incident.id,
      deliverySeconds: (delivery.ageMs + monotonicMs() - startedMs) / 1e3,
      maybeRepeat: verdict.kind === "sent" && verdict.maybeRepeat === true,
    });
  }

  async #send(delivery: ClaimedDelivery): Promise<Verdict> {
    const channel = this.#channels.get(delivery.channel);
    if (channel === undefined) {
      return {
        kind: "permanent",
        reason: `channel ${delivery.channel} is not configured any more`,
      };
    }
    const task: DeliveryTask = { ...delivery, link: this.#options.linkOf(delivery.incident.id) };
    return channel.send(task, this.#stop.signal);
  }

  /** Full jitter, so that many rows that failed together do not come back together. */
  #retryAfterMs(verdict: Verdict, attempts: number): number {
    if (verdict.kind === "ambiguous") return AMBIGUOUS_MS * (1 + attempts);
    if (verdict.kind === "reconnect") return RECONNECT_MS;
    const ceilingMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(attempts, 20));
    const jitteredMs = Math.max(BACKOFF_MS_MIN / 2, this.#options.random() * ceilingMs);
    if (verdict.kind === "retry" && verdict.afterMs !== null) {
      return Math.max(verdict.afterMs, jitteredMs);
    }
    return jitteredMs;
  }
}
