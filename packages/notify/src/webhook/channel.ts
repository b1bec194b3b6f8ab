import { createHash, randomUUID } from "node:crypto";
import { TracerError, type Verdict } from "@tracer/core";
import { type Channel, DEFAULT_TIMINGS, guarded, SENT_NOTHING, type Timings } from "../channel.ts";
import { type HttpReply, requireHttpUrl } from "../http.ts";
import { renderDigestEvent, renderIncidentEvent, renderNoticeEvent } from "./event.ts";
import { PRIVATE_ADDRESS, postGuarded } from "./post.ts";
import { parseAllowedHosts } from "./private-address.ts";
import { parseSecrets, webhookHeaders } from "./sign.ts";

export interface WebhookChannelOptions {
  readonly name?: string;
  /** Where events are posted. */
  readonly url: string;
  /** `whsec_…`, several separated by spaces while one is replaced; null: events are not signed. */
  readonly secret: string | null;
  /** Host names, addresses and networks, separated by commas, that may be reached although they are private. */
  readonly allowHosts?: string;
  /** Now, in ms since the epoch: what a receiver compares with its own clock. Default: the wall clock. */
  readonly nowMs?: () => number;
  readonly timings?: Partial<Timings>;
}

/**
 * Any receiver of Standard Webhooks. An event's id is the same on every attempt, so a repeat is harmless to who looks at
 * it. Every change is an event, edits too. Throws CONFIG_INVALID.
 */
export function webhookChannel(options: WebhookChannelOptions): Channel {
  const { name = "webhook", nowMs = Date.now } = options;
  const url = new URL(requireHttpUrl("WEBHOOK_URL", options.url));
  const keys = options.secret === null ? [] : parseSecrets(options.secret);
  if (keys === null)
    throw new TracerError("CONFIG_INVALID", "WEBHOOK_SECRET is not whsec_ and base64");
  const allowed = parseAllowedHosts(options.allowHosts ?? "");
  if (allowed === null)
    throw new TracerError("CONFIG_INVALID", "WEBHOOK_ALLOW_HOSTS is no list of hosts");
  const timings = { ...DEFAULT_TIMINGS, ...options.timings };
  const post = async (event: object, scope: string, signal: AbortSignal) => {
    const body = JSON.stringify(event);
    const id = eventId(scope, body);
    const timestamp = Math.floor(nowMs() / 1000);
    const headers = {
      "content-type": "application/json; charset=utf-8",
      ...webhookHeaders({ id, timestamp, body }, keys),
    };
    const timeoutMs = timings.requestMs;
    const verdict = webhookVerdict(
      await postGuarded({ url, headers, body, timeoutMs, allowed }, signal),
    );
    return verdict.kind === "sent" ? { kind: "sent" as const, receipt: { event: id } } : verdict;
  };
  return {
    name,
    kind: "webhook",
    ownAlone: false,
    send: guarded(async (task, signal): Promise<Verdict> => {
      if (task.action === "resolve" && task.receipt === null) return SENT_NOTHING; // Nobody was told.
      return post(renderIncidentEvent(task), `${task.incident.id}:${task.seq}`, signal);
    }, timings),
    sendDigest: guarded(async (task, signal): Promise<Verdict> => {
      const verdict = await post(renderDigestEvent(task), task.id, signal);
      if (verdict.kind !== "sent") return verdict;
      return { kind: "sent", receipt: { ...verdict.receipt, digest: task.id } };
    }, timings),
    sendNotice: guarded(
      (notice, signal) => post(renderNoticeEvent(notice), randomUUID(), signal),
      timings,
    ),
  };
}

/** Of what is sent and nothing else: the same on every attempt, another when an edit has been replaced by a newer one. */
function eventId(scope: string, body: string): string {
  return `msg_${createHash("sha256").update(`${scope}\n${body}`).digest("hex").slice(0, 32)}`;
}

/** What a receiver's answer means. After an unknown end the same event is sent again under its id. */
export function webhookVerdict(reply: HttpReply): Verdict {
  if (reply.kind === "unknown") return { kind: "ambiguous", reason: reply.reason };
  if (reply.kind === "not_sent") {
    return reply.reason === PRIVATE_ADDRESS
      ? { kind: "permanent", reason: `${PRIVATE_ADDRESS}: list the host in WEBHOOK_ALLOW_HOSTS` }
      : { kind: "retry", reason: reply.reason, afterMs: null };
  }
  const { status, retryAfterMs } = reply;
  const reason = `http_${status}`;
  if (status >= 200 && status < 300) return { kind: "sent", receipt: null };
  if (status === 429 || status === 502 || status === 503 || status === 504) {
    return { kind: "retry", reason, afterMs: retryAfterMs };
  }
  if (status === 408 || status >= 500) return { kind: "ambiguous", reason };
  // Standard Webhooks: 410 says that this address wants no events any more.
  if (status === 401 || status === 403 || status === 410) return { kind: "reconnect", reason };
  if (status >= 300 && status < 400) return { kind: "permanent", reason: "redirected" };
  return { kind: "permanent", reason };
}
