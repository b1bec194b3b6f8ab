import assert from "node:assert/strict";
import type { DeliveryTask, Verdict } from "@tracer/core";
import type { Channel } from "@tracer/notify";
import type { ClaimedDelivery, SettleOptions } from "@tracer/store";
import { ChannelPace, type PaceLimits, paceLimitsOf } from "./channel-pace.ts";
import { isUnavailable } from "./database.ts";
import type { Observe } from "./observe.ts";

/** First pause after a failed attempt, and the longest; in between it doubles, with full jitter. */
const BACKOFF_MS_MIN = 1_000;
const BACKOFF_MS_MAX = 300_000;
/** A delivery whose end is unknown is first looked up after this, or up to twice as long. */
const AMBIGUOUS_MS_MIN = 1_000;
/** A channel that needs a person is asked again this often. */
const RECONNECT_MS = 60_000;
/** Pauses while the database is away and an answer waits to be written. */
const SETTLE_PAUSE_MS_MIN = 250;
const SETTLE_PAUSE_MS_MAX = 2_000;

export interface DispatcherOptions {
  readonly channels: readonly Channel[];
  /** Default: what the providers let. */
  readonly paceOf?: (kind: string) => PaceLimits;
  /** At most `limit` deliveries of one channel. */
  readonly claim: (channel: string, limit: number) => Promise<readonly ClaimedDelivery[]>;
  /** Writes the attempt row; null when the lease is no longer ours, or too old to begin a send. */
  readonly recordAttempt: (delivery: ClaimedDelivery) => Promise<string | null>;
  readonly settle: (options: SettleOptions) => Promise<"settled" | "fenced">;
  readonly linkOf: (incidentId: string) => string;
  readonly monotonicMs: () => number;
  /** Waits, at most until the signal aborts. Does not reject. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** In [0, 1). */
  readonly random: () => number;
  readonly observe: Observe;
  readonly onSettled: (channel: string, verdict: Verdict) => void;
  /** Called whenever an attempt has ended and another may begin. */
  readonly onFree: () => void;
}

interface Lane {
  readonly channel: Channel;
  readonly pace: ChannelPace;
}

/** Lease → attempt row → send → settle. Holds no transaction during a send. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #lanes: ReadonlyMap<string, Lane>;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  /** Answers that are known and could not be written yet. */
  #unsettled = 0;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    const { paceOf = paceLimitsOf } = options;
    const laneOf = (channel: Channel): Lane => ({
      channel,
      pace: new ChannelPace(paceOf(channel.kind), options.monotonicMs),
    });
    this.#lanes = new Map(options.channels.map((channel) => [channel.name, laneOf(channel)]));
  }

  /** Claims what is due for each channel that may be used now, and starts sending it. Throws when a claim fails. */
  async round(): Promise<void> {
    for (const [name, { pace }] of this.#lanes) {
      if (this.#stop.signal.aborted) return;
      // Known answers first: a claim could take the same delivery again, and tell it twice.
      if (this.#unsettled > 0) return;
      const free = pace.free();
      if (free === 0) continue;
      for (const delivery of await this.#options.claim(name, free)) this.#start(delivery);
    }
  }

  /** Claims nothing more and waits for what is in flight, at most `graceMs`; then cuts it off. */
  async drain(graceMs: number): Promise<void> {
    const cutOff = setTimeout(() => this.#stop.abort(), graceMs);
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight);
    clearTimeout(cutOff);
  }

  #start(delivery: ClaimedDelivery): void {
    const lane = this.#lanes.get(delivery.channel);
    assert(lane !== undefined, "only what our channels can send is claimed");
    lane.pace.begin();
    const sending = this.#deliver(delivery, lane)
      // Unsettled is safe: the lease expires on the database's clock and the delivery runs again.
      .catch((error: unknown) => {
        this.#options.observe({ name: "loop_failed", loop: "deliver", error });
      })
      .finally(() => {
        lane.pace.end();
        this.#inFlight.delete(sending);
        this.#options.onFree();
      });
    this.#inFlight.add(sending);
  }

  async #deliver(delivery: ClaimedDelivery, { channel, pace }: Lane): Promise<void> {
    const { observe, onSettled, monotonicMs, linkOf } = this.#options;
    const startedMs = monotonicMs();
    const attemptId = await this.#options.recordAttempt(delivery);
    if (attemptId === null) return;
    const task: DeliveryTask = { ...delivery, link: linkOf(delivery.incident.id) };
    const verdict = await channel.send(task, this.#stop.signal);
    if (verdict.kind === "retry" && verdict.afterMs !== null) pace.pause(verdict.afterMs);
    const settled = await this.#settle({
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

  /**
   * A known answer is kept until the database takes it, also beyond the lease: the token settles as long
   * as nobody has taken the delivery over. Otherwise it would be sent again.
   */
  async #settle(options: SettleOptions): Promise<"settled" | "fenced"> {
    const { observe, pause } = this.#options;
    const atOnce = await this.#trySettle(options, { say: true });
    if (atOnce !== null) return atOnce;
    this.#unsettled += 1;
    try {
      for (let failures = 1; ; failures += 1) {
        const pauseMs = Math.min(SETTLE_PAUSE_MS_MAX, SETTLE_PAUSE_MS_MIN * 2 ** (failures - 1));
        await pause(pauseMs, this.#stop.signal);
        const settled = await this.#trySettle(options, { say: false });
        if (settled === null) continue;
        observe({ name: "loop_recovered", loop: "settle", failures });
        return settled;
      }
    } finally {
      this.#unsettled -= 1;
    }
  }

  /** Null: the database is away, and there is time to try again. */
  async #trySettle(
    options: SettleOptions,
    { say }: { readonly say: boolean },
  ): Promise<"settled" | "fenced" | null> {
    try {
      return await this.#options.settle(options);
    } catch (error) {
      if (!isUnavailable(error) || this.#stop.signal.aborted) throw error;
      if (say) this.#options.observe({ name: "loop_failed", loop: "settle", error });
      return null;
    }
  }

  /** Full jitter, so that many rows that failed together do not come back together. */
  #retryAfterMs(verdict: Verdict, attempts: number): number {
    // Cut off because we stop: another processor may go on at once.
    if (this.#stop.signal.aborted) return 0;
    switch (verdict.kind) {
      case "sent":
      case "permanent":
        return 0;
      case "reconnect":
        return RECONNECT_MS;
      case "ambiguous":
        return Math.max(AMBIGUOUS_MS_MIN, this.#jitteredMs(2 * AMBIGUOUS_MS_MIN, attempts));
      case "retry": {
        const backoffMs = Math.max(BACKOFF_MS_MIN / 2, this.#jitteredMs(BACKOFF_MS_MIN, attempts));
        return Math.max(verdict.afterMs ?? 0, backoffMs);
      }
      default:
        return verdict satisfies never;
    }
  }

  #jitteredMs(firstMs: number, attempts: number): number {
    return this.#options.random() * Math.min(BACKOFF_MS_MAX, firstMs * 2 ** Math.min(attempts, 20));
  }
}
