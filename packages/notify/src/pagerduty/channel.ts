import type { Verdict } from "@tracer/core";
import { z } from "zod";
import { type Channel, DEFAULT_TIMINGS, guarded, SENT_NOTHING, type Timings } from "../channel.ts";
import { type HttpReply, parseJson, request, requireHttpUrl } from "../http.ts";
import { eventsOf, renderPagerdutyNotice, renderStorm } from "./render.ts";

export interface PagerdutyChannelOptions {
  readonly name?: string;
  /** Integration key of an Events API v2 integration, 32 characters. */
  readonly routingKey: string;
  /** Default https://events.pagerduty.com/v2/enqueue. */
  readonly eventsUrl?: string;
  readonly timings?: Partial<Timings>;
}

/**
 * PagerDuty's Events API v2. Every event of an incident has the same dedup key, so a repeat is harmless;
 * escalations and reminders are triggers too, edits are skipped. All digests of the channel are one alert, open
 * as long as an incident is that was told in one.
 */
export function pagerdutyChannel(options: PagerdutyChannelOptions): Channel {
  const { name = "pagerduty", routingKey } = options;
  const url = requireHttpUrl(
    "PAGERDUTY_EVENTS_URL",
    options.eventsUrl ?? "https://events.pagerduty.com/v2/enqueue",
  );
  const timings = { ...DEFAULT_TIMINGS, ...options.timings };
  const send = async (event: { readonly dedup_key: string }, signal: AbortSignal) => {
    const reply = await request(
      {
        url,
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ routing_key: routingKey, ...event }),
        timeoutMs: timings.requestMs,
      },
      signal,
    );
    return pagerdutyVerdict(reply, event.dedup_key);
  };
  return {
    name,
    kind: "pagerduty",
    ownAlone: true,
    hasStormAlert: true,
    send: guarded(async (task, signal): Promise<Verdict> => {
      if (task.action === "edit") return SENT_NOTHING;
      let verdict: Verdict = SENT_NOTHING;
      for (const event of eventsOf(task, name)) {
        verdict = await send(event, signal);
        if (verdict.kind !== "sent") return verdict; // All of them again: a repeat is harmless.
      }
      return verdict;
    }, timings),
    sendDigest: guarded(async (task, signal): Promise<Verdict> => {
      const verdict = await send(renderStorm(task, name), signal);
      if (verdict.kind !== "sent") return verdict;
      return { kind: "sent", receipt: { ...verdict.receipt, digest: task.id } };
    }, timings),
    sendNotice: guarded((notice, signal) => send(renderPagerdutyNotice(notice), signal), timings),
  };
}

const Accepted = z.looseObject({ status: z.literal("success") });

/** What PagerDuty's answer means. A wrong key is a 400 like any other wrong event. */
export function pagerdutyVerdict(reply: HttpReply, dedupKey: string): Verdict {
  if (reply.kind === "not_sent") return { kind: "retry", reason: reply.reason, afterMs: null };
  if (reply.kind === "unknown") return { kind: "ambiguous", reason: reply.reason };
  const { status, retryAfterMs, text } = reply;
  const reason = `http_${status}`;
  if (status >= 200 && status < 300) {
    // A 2xx that is not PagerDuty's JSON: a proxy spoke, and nobody knows what happened behind it.
    if (!Accepted.safeParse(parseJson(text)).success) {
      return { kind: "ambiguous", reason: "unreadable_answer" };
    }
    return { kind: "sent", receipt: { dedup_key: dedupKey } };
  }
  if (status === 429) return { kind: "retry", reason, afterMs: retryAfterMs };
  if (status === 408 || status >= 500) return { kind: "ambiguous", reason };
  if (status === 401 || status === 403) return { kind: "reconnect", reason };
  return { kind: "permanent", reason };
}
