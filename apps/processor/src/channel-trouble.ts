import type { Verdict } from "@tracer/core";
import type { Channel } from "@tracer/notify";
import { z } from "zod";
import type { Observe } from "./observe.ts";

/** What is kept of a channel that needs a person, by the channel's name. */
export interface KeptTrouble {
  readonly channel: string;
  readonly value: unknown;
}

export interface ChannelTroubleOptions {
  readonly channels: () => readonly Channel[];
  /** Told first of what another channel cannot be told; null: there is none. */
  readonly fallback: () => string | null;
  readonly list: () => Promise<readonly KeptTrouble[]>;
  readonly keep: (channel: string, value: unknown) => Promise<void>;
  readonly forget: (channel: string) => Promise<boolean>;
  /** True: this processor, and no other, may tell of this channel now. */
  readonly hold: (channel: string) => Promise<boolean>;
  readonly release: (channel: string) => Promise<void>;
  /** Ms since the epoch, by the database's clock. */
  readonly nowMs: () => number;
  readonly observe: Observe;
}

const Trouble = z.object({
  /** The channel that was told. */
  via: z.string(),
  since: z.string(),
  receipt: z.record(z.string(), z.string()).nullable(),
  /** Found by a look, not by a message: another look that finds nothing ends it. */
  isLook: z.boolean(),
});
type Trouble = z.infer<typeof Trouble>;

interface News {
  readonly state: "bad" | "good";
  readonly reason: string;
  readonly fix: string | null;
  readonly isLook: boolean;
}

/**
 * Tells, through another channel, that a channel needs a person: that its grant has ended, its token was taken back, its
 * place is gone. Once, whatever number of processors see it, and once when it works again.
 *
 *     well ─reconnect, or a refusal that a person can mend→ told ─a message is taken, or the look that found it→ well
 */
export class ChannelTrouble {
  readonly #options: ChannelTroubleOptions;
  /** The newest of each channel that is not seen to yet. */
  readonly #news = new Map<string, News>();
  /** When a channel is to be told of again, since nobody could be: ms since the epoch. */
  readonly #laterMs = new Map<string, number>();

  constructor(options: ChannelTroubleOptions) {
    this.#options = options;
  }

  /** How an attempt ended. What passes by itself is no news. */
  settled(channel: string, verdict: Verdict, fix: string | null): void {
    if (verdict.kind === "sent") {
      this.#news.set(channel, { state: "good", reason: "", fix: null, isLook: false });
    } else if (verdict.kind === "reconnect" || (verdict.kind === "permanent" && fix !== null)) {
      this.#news.set(channel, { state: "bad", reason: verdict.reason, fix, isLook: false });
    }
  }

  /** What a look found: null is nothing. It never says less than a message has said. */
  looked(
    channel: string,
    problem: { readonly reason: string; readonly fix: string | null } | null,
  ) {
    if (this.#news.has(channel)) return;
    const { reason = "", fix = null } = problem ?? {};
    const state = problem === null ? "good" : "bad";
    this.#news.set(channel, { state, reason, fix, isLook: true });
  }

  /** Tells what is new. Throws when the database is away; nothing is forgotten then. */
  async round(): Promise<void> {
    if (this.#news.size === 0) return;
    const troubles = new Map<string, Trouble>();
    for (const { channel, value } of await this.#options.list()) {
      const parsed = Trouble.safeParse(value);
      if (parsed.success) troubles.set(channel, parsed.data);
    }
    for (const [channel, news] of [...this.#news]) {
      const trouble = troubles.get(channel);
      const isOver = trouble !== undefined && endsIt(trouble, news);
      const isNew = trouble === undefined && news.state === "bad";
      if (isOver || isNew) {
        if (this.#options.nowMs() < (this.#laterMs.get(channel) ?? 0)) continue;
        if (!(await this.#alone(channel, news))) continue;
      }
      if (this.#news.get(channel) === news) this.#news.delete(channel);
    }
  }

  /** True when it was seen to; false: another has it in hand, or nobody could be told. */
  async #alone(name: string, news: News): Promise<boolean> {
    const { hold, release, list } = this.#options;
    if (!(await hold(name))) return false;
    try {
      // Again, now that nobody else can write it.
      const kept = (await list()).find(({ channel }) => channel === name);
      const parsed = Trouble.safeParse(kept?.value);
      if (news.state === "good") {
        return parsed.success && endsIt(parsed.data, news) ? this.#over(name, parsed.data) : true;
      }
      return parsed.success ? true : await this.#begun(name, news);
    } finally {
      await release(name);
    }
  }

  async #begun(name: string, news: News): Promise<boolean> {
    const { channels, fallback, keep, nowMs } = this.#options;
    const all = channels();
    if (!all.some((each) => each.name === name)) return true; // Left out by a reload.
    const since = new Date(nowMs()).toISOString();
    const others = all
      .filter((each) => each.name !== name)
      .toSorted((a, b) => Number(b.name === fallback()) - Number(a.name === fallback()));
    for (const channel of others) {
      const notice = {
        ...{ key: keyOf(name), since, receipt: null },
        state: "begun",
        title: `Tracer cannot reach people through ${name}: ${news.reason}`,
        text: textOf(name, news),
      } as const;
      const verdict = await this.#tell(channel, notice);
      if (verdict.kind !== "sent") continue;
      const { receipt } = verdict;
      await keep(name, { via: channel.name, since, receipt, isLook: news.isLook });
      return true;
    }
    if (others.length === 0) return true; // Nobody is there to be told: the channel's state says it.
    this.#laterMs.set(name, nowMs() + AGAIN_MS);
    return false;
  }

  async #over(name: string, { via, since, receipt }: Trouble): Promise<boolean> {
    const { channels, forget } = this.#options;
    const channel = channels().find((each) => each.name === via);
    if (channel !== undefined) {
      const verdict = await this.#tell(channel, {
        ...{ key: keyOf(name), since, receipt },
        state: "over",
        title: `Tracer reaches people through ${name} again`,
        text: "What waited for it is sent now.",
      });
      if (verdict.kind === "retry" || verdict.kind === "ambiguous") {
        this.#laterMs.set(name, this.#options.nowMs() + AGAIN_MS);
        return false;
      }
    }
    await forget(name);
    return true;
  }

  async #tell(channel: Channel, notice: Parameters<Channel["sendNotice"]>[0]): Promise<Verdict> {
    const verdict = await channel.sendNotice(notice, NEVER);
    this.#options.observe({
      ...{ name: "notice_settled", channel: channel.name, state: notice.state },
      outcome: verdict.kind,
      reason: verdict.kind === "sent" ? null : verdict.reason,
    });
    return verdict;
  }
}

/** After this the others are asked again. */
const AGAIN_MS = 60_000;

/** Each send has its own deadline. */
const NEVER = new AbortController().signal;

function endsIt(trouble: Trouble, news: News): boolean {
  // That a grant reads as active is no proof: what a message found, a message ends.
  return news.state === "good" && (!news.isLook || trouble.isLook);
}

function keyOf(channel: string): string {
  return `tracer-channel-${channel}`;
}

function textOf(name: string, { reason, fix }: News): string {
  const what = fix === null ? "" : ` What to do: ${fix}.`;
  return `${name} says: ${reason}.${what} Until then its alerts wait, and go to the fall-back channel where there is one. Try it with: tracer send-test ${name}`;
}
