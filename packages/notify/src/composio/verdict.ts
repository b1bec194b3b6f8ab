import { z } from "zod";
import { failureOf, parseJson, reasonText, retryAfter } from "../http.ts";
import { httpVerdict, type NotSent, slackErrorVerdict } from "../slack/answer.ts";

export interface ComposioFailure {
  /** The provider's own code, such as `channel_not_found`; null when the failure is Composio's. */
  readonly error: string | null;
  readonly verdict: NotSent;
  /** The session does not exist any more: nothing was done. */
  readonly sessionGone: boolean;
  /** A connected account that the session was to use does not exist any more. */
  readonly accountGone: boolean;
}

const Body = z.object({
  error: z.looseObject({
    code: z.union([z.number(), z.string()]).optional(),
    slug: z.string().optional(),
    message: z.string().optional(),
  }),
});
const ErrorWithStatus = z.looseObject({ status: z.number(), error: z.unknown().optional() });
const ErrorWithHeaders = z.looseObject({ headers: z.instanceof(Headers) });

/** Connections that are missing, dead or gone: the user must run `tracer connect`. */
const RECONNECT_CODES = new Set(["4302", "4306", "1803"]);
const RECONNECT_SLUG = /NoActiveConnection|InvalidConnectedAccount|ConnectedAccountNotFound/u;

/**
 * What an error thrown by Composio's client means. It is read by its fields: session calls throw classes
 * that the package does not export.
 */
export function composioFailure(thrown: unknown): ComposioFailure {
  const parsed = ErrorWithStatus.safeParse(thrown);
  if (!parsed.success) return connectionFailure(thrown);
  const { status } = parsed.data;
  const withHeaders = ErrorWithHeaders.safeParse(thrown);
  const headers = withHeaders.success ? withHeaders.data.headers : null;
  const afterMs = retryAfter(headers?.get("retry-after"), {
    answeredAt: headers?.get("date") ?? null,
  });
  const body = Body.safeParse(parsed.data.error);
  const code = body.success ? String(body.data.error.code ?? "") : "";
  const slug = body.success ? (body.data.error.slug ?? "") : "";
  const name = slug === "" ? `http_${status}` : reasonText(slug);
  if (status === 404) {
    return failure({ kind: "permanent", reason: name }, { sessionGone: true });
  }
  if (RECONNECT_CODES.has(code) || RECONNECT_SLUG.test(slug)) {
    const accountGone = code === "4306" || /InvalidConnectedAccount/u.test(slug);
    return failure({ kind: "reconnect", reason: name }, { accountGone });
  }
  const verdict = httpVerdict(status, afterMs);
  return failure({ ...verdict, reason: name });
}

function connectionFailure(thrown: unknown): ComposioFailure {
  const name = thrown instanceof Error ? thrown.constructor.name : "";
  if (name === "APIConnectionTimeoutError")
    return failure({ kind: "ambiguous", reason: "timeout" });
  if (/Abort|Cancelled/u.test(name)) return failure({ kind: "ambiguous", reason: "aborted" });
  const { kind, reason } = failureOf(thrown);
  return kind === "not_sent"
    ? failure({ kind: "retry", reason, afterMs: null })
    : failure({ kind: "ambiguous", reason });
}

/** Slack's codes are words with underscores; the texts around them come and go. */
const SLACK_CODE = /\b[a-z]+(?:_[a-z]+)+\b|\bratelimited\b/gu;

/**
 * What the text of an `error` in a 200 means: the provider's code as it is, inside a sentence, or inside JSON
 * in a string. "fields are missing" is our own mistake.
 */
export function innerErrorFailure(text: string, afterMs: number | null = null): ComposioFailure {
  const code = providerCode(text);
  if (code !== null) return failure(slackErrorVerdict(code, afterMs), { error: code });
  if (/\brate.?limit|too many requests\b|\b429\b/iu.test(text)) {
    return failure({ kind: "retry", reason: "ratelimited", afterMs });
  }
  if (
    /no (?:active )?connect(?:ed account|ion)|connection (?:is )?(?:expired|revoked)/iu.test(text)
  ) {
    return failure({ kind: "reconnect", reason: reasonText(text) });
  }
  if (/\b5\d\d\b|timed? ?out|timeout|internal server error|bad gateway/iu.test(text)) {
    return failure({ kind: "ambiguous", reason: reasonText(text) });
  }
  return failure({ kind: "permanent", reason: reasonText(text) });
}

/**
 * As `innerErrorFailure`, for a tool of any provider: a grant that was taken back reads differently everywhere, and a
 * word that Slack uses for one thing may stand for another.
 */
export function toolErrorFailure(text: string): ComposioFailure {
  const reason = reasonText(text);
  const [, status = ""] =
    /\b(?:status(?: code)?|http|error|code)\W{0,4}([45]\d\d)\b/iu.exec(text) ?? [];
  if (status === "429" || /rate.?limit|too many requests|quota exceeded/iu.test(text)) {
    return failure({ kind: "retry", reason, afterMs: null });
  }
  if (
    status === "401" ||
    /invalid_grant|unauthori[sz]ed|unauthenticated|invalid_auth|token_(?:revoked|expired)|account_inactive|(?:token|grant|access).{0,30}(?:revoked|expired)|insufficient.{0,40}(?:scope|permission)|missing_scope/iu.test(
      text,
    )
  ) {
    return failure({ kind: "reconnect", reason });
  }
  if (/^[45]/u.test(status)) {
    const gave = status.startsWith("5") || status === "408";
    return failure({ kind: gave ? "ambiguous" : "permanent", reason });
  }
  const { verdict } = innerErrorFailure(text);
  return failure({ ...verdict, reason });
}

const KNOWN_CODES =
  /^(?:ratelimited|rate_limited|channel_not_found|not_in_channel|is_archived|invalid_blocks|invalid_blocks_format|msg_too_long|msg_blocks_too_long|no_text|message_not_found|thread_not_found|cannot_reply_to_message|cant_update_message|edit_window_closed|update_failed|restricted_action|invalid_auth|token_revoked|account_inactive|token_expired|not_authed|invalid_grant|missing_scope|no_permission|not_allowed_token_type|fatal_error|internal_error|service_unavailable|request_timeout)$/u;

function providerCode(text: string): string | null {
  const json = z.looseObject({ error: z.string() }).safeParse(parseJson(text));
  const words = (json.success ? json.data.error : text).match(SLACK_CODE) ?? [];
  return words.find((word) => KNOWN_CODES.test(word)) ?? null;
}

function failure(
  verdict: NotSent,
  { error = null, sessionGone = false, accountGone = false }: Partial<ComposioFailure> = {},
): ComposioFailure {
  return { error, verdict, sessionGone, accountGone };
}
