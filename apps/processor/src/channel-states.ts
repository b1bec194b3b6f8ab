import type { Verdict } from "@tracer/core";
import type { Channel } from "@tracer/notify";

export interface ChannelState {
  readonly name: string;
  readonly kind: string;
  readonly state: "unused" | "ok" | "failing" | "needs_reconnect";
  /** ISO 8601, by this machine's clock. */
  readonly lastSuccessAt: string | null;
  /** The provider's word for it, of the last attempt that failed since the last success. */
  readonly lastError: string | null;
  /** What a person has to do about it; null when nothing, or nothing is known to help. */
  readonly fix: string | null;
}

/** How the attempts of this process ended, per channel. */
export class ChannelStates {
  #states: Map<string, ChannelState> = new Map();
  readonly #wallMs: () => number;

  constructor(channels: readonly Channel[], wallMs: () => number) {
    this.#wallMs = wallMs;
    this.use(channels);
  }

  /** From now on of these; what is known of those that stay is kept. */
  use(channels: readonly Channel[]): void {
    const before = this.#states;
    const unused = { state: "unused", lastSuccessAt: null, lastError: null, fix: null } as const;
    this.#states = new Map(
      channels.map(({ name, kind }) => {
        const known = before.get(name);
        return [name, known?.kind === kind ? known : { name, kind, ...unused }];
      }),
    );
  }

  /** `fix`: of the channel, for the verdict's reason. */
  settled(channel: string, verdict: Verdict, fix: string | null = null): void {
    const before = this.#states.get(channel);
    if (before === undefined) return;
    if (verdict.kind === "sent") {
      const lastSuccessAt = new Date(this.#wallMs()).toISOString();
      this.#states.set(channel, {
        ...before,
        state: "ok",
        lastSuccessAt,
        lastError: null,
        fix: null,
      });
      return;
    }
    const state = verdict.kind === "reconnect" ? "needs_reconnect" : "failing";
    this.#states.set(channel, { ...before, state, lastError: verdict.reason, fix });
  }

  list(): ChannelState[] {
    return [...this.#states.values()];
  }
}
