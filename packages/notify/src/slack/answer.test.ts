import { expect, test } from "vitest";
import { httpVerdict, slackAnswer, slackErrorVerdict, slackResult } from "./answer.ts";
import { webhookAnswer } from "./webhook.ts";

test.each([
  ["channel_not_found", "permanent"],
  ["not_in_channel", "permanent"],
  ["is_archived", "permanent"],
  ["invalid_blocks", "permanent"],
  ["msg_too_long", "permanent"],
  ["something_new", "permanent"],
  ["ratelimited", "retry"],
  ["rate_limited", "retry"],
  ["internal_error", "ambiguous"],
  ["fatal_error", "ambiguous"],
  ["invalid_auth", "reconnect"],
  ["token_revoked", "reconnect"],
  ["account_inactive", "reconnect"],
  ["token_expired", "reconnect"],
  ["not_authed", "reconnect"],
  ["invalid_grant", "reconnect"],
  ["missing_scope", "reconnect"],
])("ok: false with %s is %s", (error, kind) => {
  expect(slackErrorVerdict(error, null)).toMatchObject({ kind, reason: error });
  expect(slackResult(200, { ok: false, error }, null)).toMatchObject({
    kind: "failed",
    error,
    verdict: { kind },
  });
});

test.each([
  [429, "retry"],
  [500, "ambiguous"],
  [503, "ambiguous"],
  [408, "ambiguous"],
  [302, "permanent"],
  [404, "permanent"],
  [401, "reconnect"],
])("status %i is %s", (status, kind) => {
  expect(httpVerdict(status, 2_000)).toMatchObject({ kind, reason: `http_${status}` });
});

test("all three layers must agree before it counts as sent", () => {
  expect(slackResult(200, { ok: true, ts: "1.2" }, null).kind).toBe("ok");
  const unreadable = {
    kind: "failed",
    verdict: { kind: "ambiguous", reason: "unreadable_answer" },
  };
  expect(slackResult(200, undefined, null)).toMatchObject(unreadable);
  expect(slackResult(200, "ok", null)).toMatchObject(unreadable);
  expect(slackResult(500, { ok: true }, null)).toMatchObject({ verdict: { kind: "ambiguous" } });
  const limited = slackResult(429, { ok: false, error: "ratelimited" }, 7_000);
  expect(limited).toMatchObject({ verdict: { kind: "retry", afterMs: 7_000 } });
  expect(slackAnswer({ kind: "not_sent", reason: "ECONNREFUSED" })).toMatchObject({
    verdict: { kind: "retry", reason: "ECONNREFUSED" },
  });
  expect(slackAnswer({ kind: "unknown", reason: "ECONNRESET" })).toMatchObject({
    verdict: { kind: "ambiguous", reason: "ECONNRESET" },
  });
});

test.each([
  [200, "ok", "ok", null],
  [400, "invalid_payload", "permanent", "invalid_payload"],
  [400, "invalid_blocks", "permanent", "invalid_blocks"],
  [403, "action_prohibited", "permanent", "action_prohibited"],
  [404, "no_service", "reconnect", "no_service"],
  [404, "channel_not_found", "permanent", "channel_not_found"],
  [410, "channel_is_archived", "permanent", "channel_is_archived"],
  [429, "rate_limited", "retry", null],
  [500, "rollup_error", "ambiguous", null],
  [404, "<html>Not here</html>", "permanent", null],
])("a webhook's %i %j is %s", (status, text, kind, error) => {
  const answer = webhookAnswer({ kind: "reply", status, retryAfterMs: null, text });
  if (answer.kind === "ok") expect(kind).toBe("ok");
  else expect(answer).toMatchObject({ error, verdict: { kind } });
});
