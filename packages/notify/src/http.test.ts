import { expect, test } from "vitest";
import { failureOf, RETRY_AFTER_MS_MAX, requireHttpUrl, retryAfter } from "./http.ts";

test("Retry-After in seconds, as a date against the answer's own date, and bounded", () => {
  expect(retryAfter("7")).toBe(7_000);
  expect(retryAfter("0.2")).toBe(200);
  expect(retryAfter("3600")).toBe(RETRY_AFTER_MS_MAX);
  expect(retryAfter("3601")).toBe(RETRY_AFTER_MS_MAX);
  const answeredAt = "Sun, 22 Nov 2026 14:00:00 GMT";
  expect(retryAfter("Sun, 22 Nov 2026 14:00:30 GMT", { answeredAt })).toBe(30_000);
  expect(retryAfter("Sun, 22 Nov 2026 13:00:00 GMT", { answeredAt })).toBe(0);
  expect(retryAfter("Sun, 22 Nov 2026 14:00:30 GMT")).toBeNull();
  for (const value of [null, undefined, "", "soon", "-5", "NaN", "Infinity"]) {
    expect(retryAfter(value)).toBeNull();
  }
});

const coded = (code: string, extra: object = {}) =>
  new TypeError("fetch failed", { cause: Object.assign(new Error("x"), { code, ...extra }) });

test.each([
  [coded("ECONNREFUSED"), "not_sent", "ECONNREFUSED"],
  [coded("ENOTFOUND"), "not_sent", "ENOTFOUND"],
  [coded("UND_ERR_CONNECT_TIMEOUT"), "not_sent", "UND_ERR_CONNECT_TIMEOUT"],
  [coded("ETIMEDOUT", { syscall: "connect" }), "not_sent", "ETIMEDOUT"],
  [coded("ETIMEDOUT", { syscall: "read" }), "unknown", "ETIMEDOUT"],
  [coded("ECONNRESET"), "unknown", "ECONNRESET"],
  [coded("UND_ERR_SOCKET"), "unknown", "UND_ERR_SOCKET"],
  [new Error("https://secret.example/token"), "unknown", "network"],
  ["a string", "unknown", "network"],
])("a failed request %#", (error, kind, reason) => {
  expect(failureOf(error)).toEqual({ kind, reason });
});

test("an error that is its own cause ends", () => {
  const error = new Error("round");
  error.cause = error;
  expect(failureOf(error)).toEqual({ kind: "unknown", reason: "network" });
});

test("a wrong URL is named by its key, without its value", () => {
  expect(requireHttpUrl("X", "https://hooks.example/s")).toBe("https://hooks.example/s");
  for (const value of ["", "hooks.example/secret", "ftp://secret", "javascript:secret"]) {
    expect(() => requireHttpUrl("SLACK_WEBHOOK_URL", value)).toThrow(
      expect.objectContaining({
        code: "CONFIG_INVALID",
        message: "SLACK_WEBHOOK_URL is not an http or https URL",
      }),
    );
  }
});
