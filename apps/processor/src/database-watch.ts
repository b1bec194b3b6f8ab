import type { Verdict } from "@tracer/core";
import type { Channel, Notice } from "@tracer/notify";
import { isUnavailable } from "./database.ts";
import type { Told, ToldState } from "./database-told.ts";
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
/** A channel that fails so often in a row is left for the next one. */
export const CHANNEL_TRIES_MAX = 3;
/** A processor waits so long for each that comes before it: where it can be seen what was told, it is told once. */
export const STAGGER_SECONDS = 20;
/** What a process beside this one told of an outage that began within so long of ours is about the same one. */
const SAME_OUTAGE_MS = 60_000;
const TAKE_BACK_TRIES_MAX = 5;

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
  /** How many of the processors that lived when the database was last there come before this one. Default 0. */
  readonly rank?: () => number;
  /** Keeps what was told for the next process. Default: it is kept in memory only. May reject. */
  readonly save?: (state: ToldState) => Promise<void>;
  /** What others told of that can be seen from here. Default: nothing. */
  readonly othersTold?: () => Promise<readonly ToldState[]>;
}

export interface Outage {
  /** When it last answered, receipt time, ms since the epoch. */
  readonly sinceMs: number;
  readonly seconds: number;
}

/**
 * Knows since when the database is away, and tells people when it takes long: directly, because the
 * outbox is in that database.
 *
 *     here ─no answer→ away ─60 s→ telling ─sent→ told ─10 s of answers→ taking it back ─sent→ here
 *       ↑────────10 s of answers───────┘                                 no answer → told
 *
 * Who was told, or may have been, is kept before and after each message, also for the process after this one.
 */
export class DatabaseWatch {
  readonly #options: DatabaseWatchOptions;
  #candidates: readonly Channel[];
  #answeredAtMs: number;
  /** Of the last answer before the outage; null: there is none, also not one that just ended. */
  #outageAtMs: number | null = null;
  #isAway = false;
  /** Since when it answers again. */
  #backAtMs: number;
  #told: Told[] = [];
  #candidate = 0;
  /** In a row, and those of them at one channel. */
  #failures = 0;
  #channelFailures = 0;
  #nextTryMs = 0;

  constructor(options: DatabaseWatchOptions) {
    this.#options = options;
    this.#candidates = candidatesOf(options.channels, options.fallbackChannel);
    this.#answeredAtMs = options.monotonicMs();
    this.#backAtMs = this.#answeredAtMs;
  }

  /** Goes on with what another process has told people, and could not take back. */
  async inherit({ sinceMs, told }: ToldState): Promise<void> {
    const { channels, monotonicMs, receiptMs } = this.#options;
    const known = told.filter((each) => channels.some(({ name }) => name === each.channel));
    const isNew = ({ channel }: Told) => !this.#told.some((each) => each.channel === channel);
    this.#told.push(...known.filter(isNew));
    if (this.#told.length === 0) return;
    const outageAtMs = monotonicMs() - Math.max(0, receiptMs() - sinceMs);
    this.#outageAtMs = Math.min(outageAtMs, this.#outageAtMs ?? outageAtMs);
    await this.#save();
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
    if (this.#outageAtMs === null || nowMs < this.#nextTryMs) return;
    const { pageSeconds = DATABASE_DOWN_PAGE_SECONDS } = this.#options;
    const first = this.#told[0];
    if (!this.#isAway) {
      const dueMs = this.#backAtMs + DATABASE_BACK_SECONDS * 1000;
      if (first === undefined) return nowMs >= dueMs ? this.#end() : undefined;
      if (nowMs >= dueMs + this.#staggerMs()) await this.#takeBack(first, this.#outageAtMs, signal);
      return;
    }
    const dueMs = this.#outageAtMs + pageSeconds * 1000 + this.#staggerMs();
    if (nowMs < dueMs || this.#told.some(({ isSure }) => isSure)) return;
    await this.#tell(this.#outageAtMs, signal);
  }

  #failed(): void {
    if (this.#outageAtMs === null) {
      this.#outageAtMs = this.#answeredAtMs;
      this.#options.observe({ name: "database_away" });
    }
    this.#isAway = true;
  }

  #answered(): void {
    const nowMs = this.#options.monotonicMs();
    if (this.#isAway) this.#backAtMs = nowMs;
    this.#isAway = false;
    this.#answeredAtMs = nowMs;
  }

  /** PagerDuty makes one alert of what all tell; elsewhere the others get a chance to see what the first has told. */
  #staggerMs(): number {
    if (this.#candidates[0]?.kind === "pagerduty") return 0;
    return (this.#options.rank?.() ?? 0) * STAGGER_SECONDS * 1000;
  }

  async #tell(outageAtMs: number, signal: AbortSignal): Promise<void> {
    const channel = this.#candidates[this.#candidate];
    if (channel === undefined || (await this.#isToldByOthers(outageAtMs))) return;
    const { sinceMs, seconds } = this.#outageSince(outageAtMs);
    const waiting = this.#options.pendingCount();
    const before = this.#told.find((told) => told.channel === channel.name);
    const text =
      `The database has not answered since ${isoText(sinceMs)}, for ${durationText(seconds)}. Detection goes on. ` +
      `${waitingText(waiting)}; ` +
      "until then no alert, escalation, reminder or resolve is sent, and incidents cannot be shown." +
      (before === undefined ? "" : " (May be a repeat: the answer to the first message was lost.)");
    await this.#keep({ channel: channel.name, receipt: null, isSure: false });
    const verdict = await this.#send(
      channel,
      { state: "begun", title: "Tracer has no database", text, receipt: null },
      signal,
    );
    if (verdict.kind === "sent") {
      return this.#keep({ channel: channel.name, receipt: verdict.receipt, isSure: true });
    }
    const surelyNot = verdict.kind !== "ambiguous" && before === undefined;
    if (surelyNot) await this.#forget(channel.name);
    this.#channelFailures += 1;
    if (isHopeless(verdict) || this.#channelFailures >= CHANNEL_TRIES_MAX) this.#nextCandidate();
    else if (verdict.kind === "ambiguous" && channel.kind !== "pagerduty") this.#nextCandidate();
  }

  /** Whoever may have been told is asked again only when nobody else is left. */
  #nextCandidate(): void {
    this.#channelFailures = 0;
    const count = this.#candidates.length;
    const maybeTold = (index: number) =>
      this.#told.some(({ channel }) => channel === this.#candidates[index]?.name);
    const order = Array.from({ length: count }, (_, n) => (this.#candidate + 1 + n) % count);
    this.#candidate = order.find((index) => !maybeTold(index)) ?? order[0] ?? 0;
  }

  /** A process on the same DATA_DIR may have told of this outage; one that is not the same is an old one. */
  async #isToldByOthers(outageAtMs: number): Promise<boolean> {
    const { sinceMs } = this.#outageSince(outageAtMs);
    const others = (await this.#options.othersTold?.()) ?? [];
    return others.some(
      (other) =>
        Math.abs(other.sinceMs - sinceMs) < SAME_OUTAGE_MS &&
        other.told.some(({ isSure }) => isSure),
    );
  }

  async #takeBack(told: Told, outageAtMs: number, signal: AbortSignal): Promise<void> {
    const channel = this.#options.channels.find(({ name }) => name === told.channel);
    if (channel === undefined) return this.#forget(told.channel);
    const seconds = Math.max(0, Math.round((this.#backAtMs - outageAtMs) / 1000));
    const backMs = this.#options.receiptMs() - (this.#options.monotonicMs() - this.#backAtMs);
    const text =
      `The database answers again since ${isoText(backMs)}; it was away for ${durationText(seconds)}. ` +
      "What waited has been announced or is being announced now.";
    const { receipt } = told;
    const notice = { state: "over", title: "Tracer has its database back", text, receipt } as const;
    const verdict = await this.#send(channel, notice, signal);
    // Refused for good, it cannot be taken back; the next outage must be told all the same.
    const givenUp = isHopeless(verdict) && this.#failures >= TAKE_BACK_TRIES_MAX;
    if (verdict.kind !== "sent" && !givenUp) return;
    this.#failures = 0;
    this.#nextTryMs = 0;
    await this.#forget(told.channel);
    if (this.#told.length > 0) return;
    // It may have gone again meanwhile: that is another outage.
    if (this.#isAway) this.#outageAtMs = this.#answeredAtMs;
    else this.#end();
  }

  #end(): void {
    this.#outageAtMs = null;
    this.#candidate = 0;
    this.#failures = 0;
    this.#channelFailures = 0;
    this.#nextTryMs = 0;
    this.#options.observe({ name: "database_back" });
  }

  async #keep(told: Told): Promise<void> {
    this.#told = [...this.#told.filter(({ channel }) => channel !== told.channel), told];
    await this.#save();
  }

  async #forget(channel: string): Promise<void> {
    this.#told = this.#told.filter((told) => told.channel !== channel);
    await this.#save();
  }

  async #save(): Promise<void> {
    const { sinceMs } = this.#outageSince(this.#outageAtMs ?? this.#answeredAtMs);
    try {
      await this.#options.save?.({ sinceMs, told: this.#told });
    } catch (error) {
      this.#options.observe({ name: "told_not_kept", error });
    }
  }

  async #send(
    channel: Channel,
    notice: Omit<Notice, "key" | "since">,
    signal: AbortSignal,
  ): Promise<Verdict> {
    const { sinceMs } = this.#outageSince(this.#outageAtMs ?? this.#answeredAtMs);
    const since = new Date(sinceMs).toISOString();
    const verdict = await channel.sendNotice({ key: DATABASE_DOWN_KEY, since, ...notice }, signal);
    const { name } = channel;
    const outcome = verdict.kind;
    const reason = verdict.kind === "sent" ? null : verdict.reason;
    const { state } = notice;
    this.#options.observe({ name: "notice_settled", channel: name, state, outcome, reason });
    this.#failures = verdict.kind === "sent" ? 0 : this.#failures + 1;
    this.#nextTryMs = this.#options.monotonicMs() + this.#pauseMs(verdict);
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

function waitingText(signals: number): string {
  if (signals === 0)
    return "No signal waits for it yet; what is found is announced when it is back";
  const wait = signals === 1 ? "1 signal waits" : `${signals} signals wait`;
  return `${wait} and will be announced when it is back`;
}

function isoText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

function durationText(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3_600)} h`;
}

function isHopeless({ kind }: Verdict): boolean {
  return kind === "permanent" || kind === "reconnect";
}
