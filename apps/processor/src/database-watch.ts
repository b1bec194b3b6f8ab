import type { Verdict } from "@tracer/core";
import type { Channel, Notice } from "@tracer/notify";
import { isUnavailable } from "./database.ts";
import { startLoop } from "./loop.ts";
import type { Observe } from "./observe.ts";

/** Somebody is told when the database was away for this long. */
export const DATABASE_DOWN_PAGE_SECONDS = 60;
/** An outage is over when the database has answered for this long without a gap. */
export const DATABASE_BACK_SECONDS = 10;
/** The same for every processor, so that PagerDuty makes one alert of what all of them tell. */
export const DATABASE_DOWN_KEY = "tracer-db-down";
/** One heartbeat that fails may be a hiccup: it is no outage for whoever asks before this. */
const SILENT_MS_MIN = 3_000;
const BACKOFF_MS_MIN = 1_000;
const BACKOFF_MS_MAX = 60_000;

export interface DatabaseWatchOptions {
  readonly channels: readonly Channel[];
  readonly fallbackChannel: string | null;
  readonly monotonicMs: () => number;
  /** Receipt time, ms since the epoch: for people. */
  readonly receiptMs: () => number;
  /** Signals that wait for the database. */
  readonly pendingCount: () => number;
  readonly observe: Observe;
  /** Default DATABASE_DOWN_PAGE_SECONDS. */
  readonly pageSeconds?: number;
}

export interface Outage {
  /** When it last answered, receipt time, ms since the epoch. */
  readonly sinceMs: number;
  readonly seconds: number;
}

/** What was told, and to whom. */
interface Told {
  readonly channel: Channel;
  readonly receipt: Notice["receipt"];
}

/**
 * Knows since when the database is away, and tells people when it takes long: directly, because the
 * outbox is in that database.
 *
 *     here ─no answer→ away ─60 s→ telling ─sent→ told ─10 s of answers→ taking it back ─sent→ here
 *       ↑────────10 s of answers───────┘                                 no answer → told
 */
export class DatabaseWatch {
  readonly #options: DatabaseWatchOptions;
  #candidates: readonly Channel[];
  #answeredAtMs: number;
  /** Of the last answer before the outage; null: there is none, also not one that just ended. */
  #outageAtMs: number | null = null;
  #isAway = false;
  /** Since when it answers again. */
  #backAtMs = 0;
  #told: Told | null = null;
  #candidate = 0;
  #failures = 0;
  #nextTryMs = 0;

  constructor(options: DatabaseWatchOptions) {
    this.#options = options;
    this.#candidates = candidatesOf(options.channels, options.fallbackChannel);
    this.#answeredAtMs = options.monotonicMs();
  }

  /** From now on tells these. */
  use(channels: readonly Channel[], fallbackChannel: string | null): void {
    this.#candidates = candidatesOf(channels, fallbackChannel);
    this.#candidate = 0;
  }

  /** Null: the database answers, or has only just failed to. */
  get outage(): Outage | null {
    const silentMs = this.#options.monotonicMs() - this.#answeredAtMs;
    if (!this.#isAway || silentMs < SILENT_MS_MIN) return null;
    return this.#outageSince(this.#outageAtMs ?? this.#answeredAtMs);
  }

  /** Does what is done each second anyway, and learns from it whether the database can be written to. */
  async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (isUnavailable(error)) this.#failed();
      throw error;
    }
    this.#answered();
  }

  /** Tells what is due. Call it about each second; never rejects. */
  async round(signal: AbortSignal): Promise<void> {
    const nowMs = this.#options.monotonicMs();
    if (this.#outageAtMs === null) return;
    const isBack = !this.#isAway && nowMs - this.#backAtMs >= DATABASE_BACK_SECONDS * 1000;
    if (isBack && this.#told === null) return this.#end();
    if (nowMs < this.#nextTryMs) return;
    if (isBack && this.#told !== null) return this.#takeBack(this.#told, this.#outageAtMs, signal);
    const { pageSeconds = DATABASE_DOWN_PAGE_SECONDS } = this.#options;
    const isDue = this.#isAway && nowMs - this.#outageAtMs >= pageSeconds * 1000;
    if (isDue && this.#told === null) await this.#tell(this.#outageAtMs, signal);
  }

  #failed(): void {
    this.#outageAtMs ??= this.#answeredAtMs;
    this.#isAway = true;
  }

  #answered(): void {
    const nowMs = this.#options.monotonicMs();
    if (this.#isAway) this.#backAtMs = nowMs;
    this.#isAway = false;
    this.#answeredAtMs = nowMs;
  }

  async #tell(outageAtMs: number, signal: AbortSignal): Promise<void> {
    const channel = this.#candidates[this.#candidate];
    if (channel === undefined) return;
    const { sinceMs, seconds } = this.#outageSince(outageAtMs);
    const waiting = this.#options.pendingCount();
    const text =
      `The database has not answered since ${isoText(sinceMs)}, for ${durationText(seconds)}. Detection goes on. ` +
      `${waiting === 1 ? "1 signal waits" : `${waiting} signals wait`} and will be announced when it is back; ` +
      "until then no alert, escalation, reminder or resolve is sent, and incidents cannot be shown.";
    const notice = {
      state: "begun",
      title: "Tracer has no database",
      text,
      receipt: null,
    } as const;
    const verdict = await this.#send(channel, notice, signal);
    if (verdict.kind === "sent") this.#told = { channel, receipt: verdict.receipt };
  }

  async #takeBack(told: Told, outageAtMs: number, signal: AbortSignal): Promise<void> {
    const seconds = Math.round((this.#backAtMs - outageAtMs) / 1000);
    const backMs = this.#options.receiptMs() - (this.#options.monotonicMs() - this.#backAtMs);
    const text =
      `The database answers again since ${isoText(backMs)}; it was away for ${durationText(seconds)}. ` +
      "What waited has been announced or is being announced now.";
    const { channel, receipt } = told;
    const notice = { state: "over", title: "Tracer has its database back", text, receipt } as const;
    const verdict = await this.#send(channel, notice, signal);
    // Refused for good, it cannot be taken back; the next outage must be told all the same.
    const givenUp = isHopeless(verdict) && this.#failures >= TAKE_BACK_TRIES_MAX;
    if (verdict.kind !== "sent" && !givenUp) return;
    this.#told = null;
    // It may have gone again meanwhile: that is another outage.
    if (this.#isAway) this.#outageAtMs = this.#answeredAtMs;
    else this.#end();
  }

  #end(): void {
    this.#outageAtMs = null;
    this.#candidate = 0;
    this.#failures = 0;
    this.#nextTryMs = 0;
  }

  async #send(
    channel: Channel,
    notice: Omit<Notice, "key">,
    signal: AbortSignal,
  ): Promise<Verdict> {
    const verdict = await channel.sendNotice({ key: DATABASE_DOWN_KEY, ...notice }, signal);
    const { name } = channel;
    const outcome = verdict.kind;
    const reason = verdict.kind === "sent" ? null : verdict.reason;
    const { state } = notice;
    this.#options.observe({ name: "notice_settled", channel: name, state, outcome, reason });
    this.#failures = verdict.kind === "sent" ? 0 : this.#failures + 1;
    this.#nextTryMs = this.#options.monotonicMs() + this.#pauseMs(verdict);
    if (isHopeless(verdict) && notice.state === "begun") {
      this.#candidate = (this.#candidate + 1) % this.#candidates.length;
    }
    return verdict;
  }

  #pauseMs(verdict: Verdict): number {
    if (verdict.kind === "sent") return 0;
    const backoffMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** (this.#failures - 1));
    const askedMs = verdict.kind === "retry" ? (verdict.afterMs ?? 0) : 0;
    return Math.max(backoffMs, Math.min(askedMs, BACKOFF_MS_MAX));
  }

  #outageSince(outageAtMs: number): Outage {
    const lastedMs = this.#options.monotonicMs() - outageAtMs;
    return {
      sinceMs: this.#options.receiptMs() - lastedMs,
      seconds: Math.round(lastedMs / 1000),
    };
  }
}

const ROUND_MS = 1_000;

/** Disposing it cuts off what is being told. */
export function startDatabaseWatch(watch: DatabaseWatch, observe: Observe): AsyncDisposable {
  const stop = new AbortController();
  const loop = startLoop({ name: "database-watch", idleMs: ROUND_MS, observe }, () =>
    watch.round(stop.signal),
  );
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await loop[Symbol.asyncDispose]();
    },
  };
}

/** Whom to tell: PagerDuty, else the fall-back, else whoever is first; the terminal when there is nobody. */
function candidatesOf(channels: readonly Channel[], fallbackChannel: string | null): Channel[] {
  const rank = ({ name, kind }: Channel) => {
    if (kind === "pagerduty") return 0;
    if (name === fallbackChannel) return 1;
    return kind === "console" ? 3 : 2;
  };
  return channels.toSorted((one, other) => rank(one) - rank(other));
}

function isoText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

function durationText(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3_600)} h`;
}

const TAKE_BACK_TRIES_MAX = 5;

function isHopeless({ kind }: Verdict): boolean {
  return kind === "permanent" || kind === "reconnect";
}
