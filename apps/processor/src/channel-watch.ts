import type { Incident } from "@tracer/core";
import type { Channel } from "@tracer/notify";
import * as store from "@tracer/store";
import { ChannelTrouble } from "./channel-trouble.ts";
import { type Loop, startLoop } from "./loop.ts";
import type { Observe } from "./observe.ts";

export interface ChannelWatchOptions {
  readonly pool: store.Pool;
  readonly processorId: string;
  readonly channels: () => readonly Channel[];
  readonly fallback: () => string | null;
  readonly linkOf: (incidentId: string) => string;
  readonly nowMs: () => number;
  readonly observe: Observe;
}

/** Kinds whose connection somebody else keeps, and can lose. */
const LOOKED_AT = /^composio-/u;
const LOOK_MS = 300_000;
const REFRESH_MS = 60_000;
const TELL_MS = 2_000;
/** Open incidents that one refresh says again. */
export const REFRESHED_MAX = 5_000;
const PREFIX = "trouble:";

/** What keeps channels well besides sending: telling of those that need a person, and saying again what is open. */
export function createChannelTrouble(options: ChannelWatchOptions): ChannelTrouble {
  const { pool, processorId, channels, fallback, nowMs, observe } = options;
  const leaseOf = (channel: string) => ({ name: `${PREFIX}${channel}`, holder: processorId });
  return new ChannelTrouble({
    ...{ channels, fallback, nowMs, observe },
    list: async () =>
      (await store.listKept(pool, PREFIX)).map(({ name, value }) => ({
        channel: name.slice(PREFIX.length),
        value,
      })),
    keep: (channel, value) => store.keep(pool, `${PREFIX}${channel}`, value),
    forget: (channel) => store.forget(pool, `${PREFIX}${channel}`),
    hold: (channel) => store.holdLease(pool, leaseOf(channel)),
    release: (channel) => store.releaseLease(pool, leaseOf(channel)),
  });
}

/** Looks at the connections of every channel that has one, without sending anything. */
export async function lookAtChannels(
  channels: readonly Channel[],
  trouble: ChannelTrouble,
  signal: AbortSignal,
): Promise<void> {
  for (const { name, kind, check } of channels) {
    if (check === undefined || !LOOKED_AT.test(kind)) continue;
    const findings = await check(signal);
    const failed = findings.find(({ state }) => state === "failed");
    if (failed !== undefined) {
      trouble.looked(name, { reason: `${failed.what} ${failed.detail}`, fix: failed.fix });
    } else if (findings.every(({ state }) => state === "ok")) {
      trouble.looked(name, null);
    }
  }
}

/** Says again, to the channels that forget it, what is open and was told there. */
export async function refreshChannels(
  channels: readonly Channel[],
  list: (channel: string) => Promise<readonly Incident[]>,
  linkOf: (incidentId: string) => string,
): Promise<void> {
  for (const channel of channels) {
    if (channel.refresh === undefined) continue;
    const incidents = await list(channel.name);
    if (incidents.length === 0) continue;
    const open = incidents.map((incident) => ({ incident, link: linkOf(incident.id) }));
    // A refresh that fails is made up for by the next one, a minute later: alerts last four.
    await channel.refresh(open, AbortSignal.timeout(REFRESH_MS));
  }
}

/** The loops of it. `trouble` is handed in: it also hears how attempts end. */
export function startChannelWatch(options: ChannelWatchOptions, trouble: ChannelTrouble): Loop[] {
  const { pool, channels, linkOf, observe } = options;
  const stop = new AbortController();
  const list = (channel: string) => store.listToldOpen(pool, { channel, limit: REFRESHED_MAX });
  let isFirst = true;
  const look = startLoop(
    { name: "channel-look", idleMs: LOOK_MS, jitter: 0.2, isDisposable: true, observe },
    async () => {
      // Not at the start: then there is enough to do, and the first message tells more.
      if (!isFirst) await lookAtChannels(channels(), trouble, stop.signal);
      isFirst = false;
    },
  );
  return [
    {
      wake: look.wake,
      [Symbol.asyncDispose]: async () => {
        stop.abort();
        await look[Symbol.asyncDispose]();
      },
    },
    startLoop({ name: "channel-trouble", idleMs: TELL_MS, jitter: 0.2, observe }, () =>
      trouble.round(),
    ),
    startLoop({ name: "refresh", idleMs: REFRESH_MS, jitter: 0.1, observe }, () =>
      refreshChannels(channels(), list, linkOf),
    ),
  ];
}
