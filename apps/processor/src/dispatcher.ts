import type { DeliveryTask, DigestTask, Verdict } from "@tracer/core";
import type { Channel } from "@tracer/notify";
import type {
  ClaimedDelivery,
  ClaimedDigest,
  SettleDigestOptions,
  SettleOptions,
} from "@tracer/store";
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
/** With more due than these, beyond what can go out now, the rest is told by one message. */
export const DIGEST_DUE_MIN = 20;
/** Pauses while the database is away and an answer waits to be written. */
const SETTLE_PAUSE_MS_MIN = 250;
const SETTLE_PAUSE_MS_MAX = 2_000;

export interface DispatcherOptions {
  readonly channels: readonly Channel[];
  /** Default: what the providers let. */
  readonly paceOf?: (kind: string) => PaceLimits;
  /** At most `limit` deliveries of one channel; `groups` as of the channel. */
  readonly claim: (
    channel: string,
    options: { readonly limit: number; readonly groups: boolean },
  ) => Promise<readonly ClaimedDelivery[]>;
  /** Writes the attempt row; null when the lease is no longer ours, or too old to begin a send. */
  readonly recordAttempt: (delivery: ClaimedDelivery) => Promise<string | null>;
  readonly settle: (options: SettleOptions) => Promise<"settled" | "fenced">;
  /** A digest that waits, or a new one if more than `due` deliveries are due; null: there is none. */
  readonly claimDigest: (
    channel: string,
    options: { readonly due: number | null; readonly ownAlone: boolean },
  ) => Promise<ClaimedDigest | null>;
  /** False when the lease is no longer ours, or too old to begin a send. */
  readonly recordDigestAttempt: (digest: ClaimedDigest) => Promise<boolean>;
  /** Returns how many of its deliveries were still ours. */
  readonly settleDigest: (options: SettleDigestOptions) => Promise<number>;
  /** More than so many that are due beyond what may be sent now go out as one digest. Default DIGEST_DUE_MIN. */
  readonly digestDueMin?: number;
  /** Aborts when others may soon take over what is being sent. Default: never. */
  readonly aliveSignal?: () => AbortSignal;
  readonly linkOf: (incidentId: string) => string;
  /** Of the list of incidents. */
  readonly listLink: () => string;
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
  /** A digest is under way: the next one waits for its end. */
  isTelling: boolean;
}

/** Lease → attempt row → send → settle. Holds no transaction during a send. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  #lanes: ReadonlyMap<string, Lane> = new Map();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  /** Answers that are known and could not be written yet. */
  #unsettled = 0;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.use(options.channels);
  }

  /** From now on sends through these; what is on its way goes on. A channel that was there keeps its pace. */
  use(channels: readonly Channel[]): void {
    const { paceOf = paceLimitsOf, monotonicMs } = this.#options;
    const laneOf = (channel: Channel): Lane => {
      const before = this.#lanes.get(channel.name);
      if (before?.channel === channel) return before;
      const pace = new ChannelPace(paceOf(channel.kind), monotonicMs);
      return { channel, pace, isTelling: false };
    };
    this.#lanes = new Map(channels.map((channel) => [channel.name, laneOf(channel)]));
  }

  /**
   * Claims what is due for each channel that may be used now, and starts sending it. A claim that is slow
   * or fails holds back its own channel only; the first failure is thrown when all have ended.
   */
  async round(): Promise<void> {
    const lanes = [...this.#lanes.values()];
    const ended = await Promise.allSettled(lanes.map((lane) => this.#fill(lane)));
    for (const end of ended) if (end.status === "rejected") throw end.reason;
  }

  /** Most urgent first; the last of the messages that may go out now is kept for a digest. */
  async #fill(lane: Lane): Promise<void> {
    const free = lane.pace.free();
    if (free === 0 || this.#isHeld()) return;
    const singly = lane.isTelling ? free : free - 1;
    const isMore = await this.#claimSingly(lane, singly);
    if (lane.isTelling || this.#isHeld()) return;
    const { name, ownAlone } = lane.channel;
    const due = isMore ? (this.#options.digestDueMin ?? DIGEST_DUE_MIN) : null;
    let digest: ClaimedDigest | null = null;
    try {
      digest = await this.#options.claimDigest(name, { due, ownAlone });
    } finally {
      if (digest !== null) this.#startDigest(digest, lane);
      else if (isMore && !this.#isHeld()) await this.#claim(lane, 1);
    }
  }

  /** True when more may be due. Where incidents share messages, what waits for one that is under way shows in no claim. */
  async #claimSingly(lane: Lane, limit: number): Promise<boolean> {
    if (limit === 0) return true;
    const claimed = await this.#claim(lane, limit);
    return claimed === limit || (lane.channel.groups === true && lane.pace.isBusy);
  }

  /** Known answers first: a claim could take the same delivery again, and tell it twice. */
  #isHeld(): boolean {
    return this.#stop.signal.aborted || this.#unsettled > 0;
  }

  async #claim(lane: Lane, limit: number): Promise<number> {
    const { name, groups = false } = lane.channel;
    const claimed = await this.#options.claim(name, { limit, groups });
    for (const delivery of claimed) this.#start(lane, this.#deliver(delivery, lane));
    return claimed.length;
  }

  /** Claims nothing more and waits for what is in flight, at most `graceMs`; then cuts it off. */
  async drain(graceMs: number): Promise<void> {
    const cutOff = setTimeout(() => this.#stop.abort(), graceMs);
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight);
    clearTimeout(cutOff);
  }

  #startDigest(digest: ClaimedDigest, lane: Lane): void {
    lane.isTelling = true;
    const telling = this.#tell(digest, lane).finally(() => {
      lane.isTelling = false;
    });
    this.#start(lane, telling);
  }

  #start({ pace }: Lane, work: Promise<void>): void {
    pace.begin();
    const sending = work
      // Unsettled is safe: the lease expires on the database's clock and the delivery runs again.
      .catch((error: unknown) => {
        this.#options.observe({ name: "loop_failed", loop: "deliver", error });
      })
      .finally(() => {
        pace.end();
        this.#inFlight.delete(sending);
        this.#options.onFree();
      });
    this.#inFlight.add(sending);
  }

  #sendSignal(): AbortSignal {
    const alive = this.#options.aliveSignal?.();
    return alive === undefined ? this.#stop.signal : AbortSignal.any([this.#stop.signal, alive]);
  }

  async #deliver(delivery: ClaimedDelivery, { channel, pace }: Lane): Promise<void> {
    const { observe, onSettled, monotonicMs, linkOf } = this.#options;
    const startedMs = monotonicMs();
    const attemptId = await this.#options.recordAttempt(delivery);
    if (attemptId === null) return;
    const verdict = await channel.send(taskOf(delivery, linkOf), this.#sendSignal());
    if (verdict.kind === "retry" && verdict.afterMs !== null) pace.pause(verdict.afterMs);
    const retryAfterMs = this.#retryAfterMs(verdict, delivery.attempts);
    const { deliveryId, leaseToken } = delivery;
    const settled = await this.#settle(() =>
      this.#options.settle({
        ...{ deliveryId, leaseToken, attemptId, verdict, retryAfterMs },
        ...toldOf(channel, delivery.stormOpen),
      }),
    );
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

  async #tell(digest: ClaimedDigest, { channel, pace }: Lane): Promise<void> {
    const { observe, onSettled, monotonicMs, listLink } = this.#options;
    const startedMs = monotonicMs();
    if (!(await this.#options.recordDigestAttempt(digest))) return;
    const task: DigestTask = { ...digest, link: listLink() };
    const verdict = await channel.sendDigest(task, this.#sendSignal());
    if (verdict.kind === "retry" && verdict.afterMs !== null) pace.pause(verdict.afterMs);
    const retryAfterMs = this.#retryAfterMs(verdict, digest.attempts);
    const settled = await this.#settle(() =>
      this.#options.settleDigest({
        ...{ digest, verdict, retryAfterMs },
        // One in which something begins says only that: whoever hears it later hears the end after it.
        ...toldOf(channel, isFiring(digest) ? undefined : digest.stillOpen),
      }),
    );
    onSettled(channel.name, verdict);
    observe({
      name: "digest_settled",
      channel: channel.name,
      outcome: verdict.kind,
      reason: verdict.kind === "sent" ? null : verdict.reason,
      digest: digest.id,
      deliveries: settled,
      fenced: digest.rows.length - settled,
      deliverySeconds: (digest.ageMs + monotonicMs() - startedMs) / 1e3,
      maybeRepeat: verdict.kind === "sent" && verdict.maybeRepeat === true,
    });
  }

  /**
   * A known answer is kept until the database takes it, also beyond the lease: the token settles as long
   * as nobody has taken the delivery over. Otherwise it would be sent again.
   */
  async #settle<Settled>(write: () => Promise<Settled>): Promise<Settled> {
    const { observe, pause } = this.#options;
    const atOnce = await this.#trySettle(write, { say: true });
    if (atOnce !== null) return atOnce;
    this.#unsettled += 1;
    try {
      for (let failures = 1; ; failures += 1) {
        const pauseMs = Math.min(SETTLE_PAUSE_MS_MAX, SETTLE_PAUSE_MS_MIN * 2 ** (failures - 1));
        await pause(pauseMs, this.#stop.signal);
        const settled = await this.#trySettle(write, { say: false });
        if (settled === null) continue;
        observe({ name: "loop_recovered", loop: "settle", failures, away: true });
        return settled;
      }
    } finally {
      this.#unsettled -= 1;
    }
  }

  /** Null: the database is away, and there is time to try again. */
  async #trySettle<Settled>(
    write: () => Promise<Settled>,
    { say }: { readonly say: boolean },
  ): Promise<Settled | null> {
    try {
      return await write();
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

function taskOf(
  { group, ...delivery }: ClaimedDelivery,
  linkOf: DispatcherOptions["linkOf"],
): DeliveryTask {
  const task = { ...delivery, link: linkOf(delivery.incident.id) };
  if (group === undefined) return task;
  return { ...task, group: group.map((incident) => ({ incident, link: linkOf(incident.id) })) };
}

function isFiring({ entries }: ClaimedDigest): boolean {
  return entries.some(({ action }) => action !== "resolve");
}

/** What a message has said of the storm, to a channel that has one alert for all of it. */
function toldOf({ hasStormAlert = false }: Channel, stormOpen: boolean | undefined) {
  return hasStormAlert && stormOpen !== undefined ? { toldStormOpen: stormOpen } : {};
}
