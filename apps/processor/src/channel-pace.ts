/** How fast a channel may be used. */
export interface PaceLimits {
  /** Sends a second, on average. */
  readonly perSecond: number;
  /** Sends that may begin at once after a pause. */
  readonly burst: number;
}

/** Sends to one channel in flight at once: one that hangs costs the others nothing. */
export const IN_FLIGHT_PER_CHANNEL_MAX = 4;
/** A channel that asks for a longer pause gets a single send after this one, as the delivery itself does. */
export const PAUSE_MS_MAX = 3_600_000;

/** Slack takes about one message a second and a few at once, PagerDuty 120 events a minute. */
export function paceLimitsOf(kind: string): PaceLimits {
  switch (kind) {
    case "slack":
    case "slack-webhook":
    case "composio-slack":
      return { perSecond: 1, burst: 5 };
    case "pagerduty":
      return { perSecond: 2, burst: 20 };
    default:
      return { perSecond: 10, burst: 20 };
  }
}

/**
 * When the next send to a channel may begin: a token bucket, a limit of what is in flight, and the pause
 * that the channel itself asked for. Each processor has its own; together they may still be told to wait.
 */
export class ChannelPace {
  readonly #limits: PaceLimits;
  readonly #monotonicMs: () => number;
  #tokens: number;
  #filledMs: number; // Monotonic; in the future while the channel is to be left alone.
  #inFlight = 0;

  constructor(limits: PaceLimits, monotonicMs: () => number) {
    this.#limits = limits;
    this.#monotonicMs = monotonicMs;
    this.#tokens = limits.burst;
    this.#filledMs = monotonicMs();
  }

  /** How many sends may begin now. */
  free(): number {
    const nowMs = this.#monotonicMs();
    if (nowMs < this.#filledMs) return 0;
    const { perSecond, burst } = this.#limits;
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#filledMs) / 1e3) * perSecond);
    this.#filledMs = nowMs;
    // Sends that were claimed before the channel asked for a pause may have begun after it.
    const free = Math.min(Math.floor(this.#tokens), IN_FLIGHT_PER_CHANNEL_MAX - this.#inFlight);
    return Math.max(0, free);
  }

  /** True while anything is under way. */
  get isBusy(): boolean {
    return this.#inFlight > 0;
  }

  begin(): void {
    this.#tokens -= 1;
    this.#inFlight += 1;
  }

  end(): void {
    this.#inFlight -= 1;
  }

  /** The channel asked to be left alone. Then one send begins, and the others at the usual rate. */
  pause(ms: number): void {
    const untilMs = this.#monotonicMs() + Math.min(PAUSE_MS_MAX, ms);
    this.#filledMs = Math.max(this.#filledMs, untilMs);
    this.#tokens = 1;
  }
}
