import { expect, test } from "vitest";
import { composioFailure, innerErrorFailure } from "./verdict.ts";

const thrown = (status: number, code: number, slug: string, headers = {}) =>
  Object.assign(new Error(`${status}`), {
    status,
    headers: new Headers(headers),
    error: { error: { message: "m", code, slug, status } },
  });

test.each([
  ["a bad key", thrown(401, 10401, "HTTP_Unauthorized"), "reconnect", false],
  ["no connection", thrown(400, 4302, "ToolRouterV2_NoActiveConnection"), "reconnect", false],
  ["account", thrown(400, 4306, "ToolRouterV2_InvalidConnectedAccountIds"), "reconnect", false],
  ["toolkit", thrown(400, 4324, "ToolRouterV2_ToolkitNotAllowed"), "permanent", false],
  ["unknown tool", thrown(400, 4301, "ToolRouterV2_ToolNotFound"), "permanent", false],
  ["a session that is gone", thrown(404, 10404, "HTTP_NotFound"), "permanent", true],
  ["500", thrown(500, 10500, "HTTP_InternalServerError"), "ambiguous", false],
  ["502 without a body", Object.assign(new Error("x"), { status: 502 }), "ambiguous", false],
])("%s", (_name, error, kind, sessionGone) => {
  const failure = composioFailure(error);
  expect(failure.verdict.kind).toBe(kind);
  expect(failure.sessionGone).toBe(sessionGone);
});

test("429 carries how long to wait", () => {
  const failure = composioFailure(thrown(429, 10429, "HTTP_RateLimit", { "retry-after": "7" }));
  expect(failure.verdict).toEqual({ kind: "retry", reason: "HTTP_RateLimit", afterMs: 7_000 });
});

class APIConnectionError extends Error {}
class APIConnectionTimeoutError extends Error {}
class ComposioRequestCancelledError extends Error {}

test.each([
  [wrapped("ECONNREFUSED"), "retry"],
  [wrapped("ENOTFOUND"), "retry"],
  [wrapped("ECONNRESET"), "ambiguous"],
  [new APIConnectionTimeoutError("Request timed out."), "ambiguous"],
  [new ComposioRequestCancelledError("x"), "ambiguous"],
  [new TypeError("a defect"), "ambiguous"],
])("without a status %#", (error, kind) => {
  expect(composioFailure(error).verdict.kind).toBe(kind);
});

function wrapped(code: string): Error {
  const cause = new TypeError("fetch failed", { cause: Object.assign(new Error("x"), { code }) });
  return new APIConnectionError("Connection error.", { cause });
}

test.each([
  ["channel_not_found", "permanent", "channel_not_found"],
  ["The request failed: not_in_channel.", "permanent", "not_in_channel"],
  ['{"ok":false,"error":"is_archived"}', "permanent", "is_archived"],
  ["invalid_blocks", "permanent", "invalid_blocks"],
  ["msg_too_long", "permanent", "msg_too_long"],
  ["ratelimited", "retry", "ratelimited"],
  ["token_revoked", "reconnect", "token_revoked"],
  ['{"error":"invalid_auth"}', "reconnect", "invalid_auth"],
  ["account_inactive", "reconnect", "account_inactive"],
  ["Rate limit exceeded, try later", "retry", null],
  ["No connected account found", "reconnect", null],
  ["Upstream answered 503", "ambiguous", null],
  ["Request timed out", "ambiguous", null],
  ["Invalid request data provided - Following fields are missing: {'channel'}", "permanent", null],
  ["something else entirely", "permanent", null],
])("the inner error %j is %s", (text, kind, error) => {
  const failure = innerErrorFailure(text);
  expect(failure.verdict.kind).toBe(kind);
  expect(failure.error).toBe(error);
});

test("a reason is short, flat and holds no secret", () => {
  const { verdict } = innerErrorFailure(`Failed\n password=hunter2 ${"x".repeat(500)}`);
  expect(verdict.reason.length).toBeLessThanOrEqual(120);
  expect(verdict.reason).not.toMatch(/hunter2|\n/);
});
