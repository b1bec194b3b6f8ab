import type { Verdict } from "@tracer/core";
import { z } from "zod";
import { type HttpReply, parseJson, reasonText } from "../http.ts";

/** What a call of Slack's Web API came to. `error` is Slack's own code, or null when there was none. */
export type SlackAnswer =
  | { readonly kind: "ok"; readonly data: Readonly<Record<string, unknown>> }
  | { readonly kind: "failed"; readonly error: string | null; readonly verdict: NotSent };

export type NotSent = Exclude<Verdict, { kind: "sent" }>;

const Envelope = z.looseObject({
  ok: z.boolean(),
  error: z.string().optional(),
  /** With `missing_scope`: which. */
  needed: z.string().optional(),
});

/** Reads the three layers of an answer: the connection, the HTTP status, and `ok`. */
export function slackAnswer(reply: HttpReply): SlackAnswer {
  if (reply.kind === "not_sent") {
    return failed(null, { kind: "retry", reason: reply.reason, afterMs: null });
  }
  if (reply.kind === "unknown") return failed(null, { kind: "ambiguous", reason: reply.reason });
  return slackResult(reply.status, parseJson(reply.text), reply.retryAfterMs);
}

/** As `slackAnswer`, for an answer that came through somebody else's proxy. */
export function slackResult(
  status: number,
  json: unknown,
  retryAfterMs: number | null,
): SlackAnswer {
  const envelope = Envelope.safeParse(json);
  const error = envelope.success && !envelope.data.ok ? (envelope.data.error ?? "unknown") : null;
  if (status === 429) {
    return failed(error, { kind: "retry", reason: "http_429", afterMs: retryAfterMs });
  }
  if (error !== null) {
    const verdict = slackErrorVerdict(error, retryAfterMs);
    const needed = envelope.data?.needed;
    if (needed === undefined) return failed(error, verdict);
    return failed(error, { ...verdict, reason: reasonText(`${error}: needs ${needed}`) });
  }
  if (status < 200 || status > 299) return failed(null, httpVerdict(status, retryAfterMs));
  // A 2xx that is not Slack's JSON: a proxy spoke, and nobody knows what happened behind it.
  if (!envelope.success) return failed(null, { kind: "ambiguous", reason: "unreadable_answer" });
  return { kind: "ok", data: envelope.data };
}

/** What a provider's HTTP status means for a delivery when there is nothing better to go by. */
export function httpVerdict(status: number, retryAfterMs: number | null): NotSent {
  const reason = `http_${status}`;
  if (status === 429) return { kind: "retry", reason, afterMs: retryAfterMs };
  if (status === 401 || status === 403) return { kind: "reconnect", reason };
  if (status === 408) return { kind: "ambiguous", reason };
  if (status >= 500) return { kind: "ambiguous", reason };
  return { kind: "permanent", reason };
}

const RETRY = new Set(["ratelimited", "rate_limited", "request_timeout", "team_added_to_org"]);
/** Slack says of these that the call may have had its effect. */
const AMBIGUOUS = new Set(["fatal_error", "internal_error", "service_unavailable"]);
/** Somebody must install, invite or authorise again before anything can be sent. */
const RECONNECT = new Set([
  "access_denied",
  "account_inactive",
  "ekm_access_denied",
  "enterprise_is_restricted",
  "invalid_auth",
  "invalid_grant",
  "invalid_token",
  "missing_scope",
  "no_active_hooks",
  "no_permission",
  "no_service",
  "no_team",
  "not_allowed_token_type",
  "not_authed",
  "org_login_required",
  "team_access_not_granted",
  "token_expired",
  "token_revoked",
  "two_factor_setup_required",
]);

/** What one of Slack's error codes means for a delivery. One we do not know is permanent. */
export function slackErrorVerdict(error: string, retryAfterMs: number | null): NotSent {
  const reason = reasonText(error);
  if (RETRY.has(error)) return { kind: "retry", reason, afterMs: retryAfterMs };
  if (AMBIGUOUS.has(error)) return { kind: "ambiguous", reason };
  if (RECONNECT.has(error)) return { kind: "reconnect", reason };
  return { kind: "permanent", reason };
}

/** The blocks are at fault, not the message: plain text may pass. */
export function blocksRefused(error: string | null): boolean {
  return error !== null && /^(?:invalid_blocks(?:_format)?|msg_blocks_too_long)$/u.test(error);
}

function failed(error: string | null, verdict: NotSent): SlackAnswer {
  return { kind: "failed", error, verdict };
}
