import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { isLoopback, readConfig } from "./config.ts";

test("an empty environment gives the defaults of the contract", () => {
  const config = readConfig({});
  expect(config).toMatchObject({
    host: "127.0.0.1",
    port: 4318,
    loopback: true,
    databaseUrl: null,
    holdSeconds: 8,
    quietSeconds: 300,
    clearSeconds: 30,
    repeatSeconds: 14_400,
    latenessSeconds: 10,
    staleSeconds: 900,
    seriesMax: 100_000,
    metricSeriesMax: 2_000,
  });
  expect(config.channels).toEqual({
    slackWebhook: null,
    slack: null,
    composioSlack: null,
    pagerduty: null,
  });
});

test("every problem is named at once, by key, and no value is printed", () => {
  const read = () =>
    readConfig({
      PORT: "http",
      DATABASE_URL: "mysql://root:hunter22@db/x",
      SLACK_BOT_TOKEN: "xoxb-very-secret",
      QUIET_SECONDS: "5",
      TRACER_ADMIN_KEY: "short",
    });
  expect(read).toThrow(/PORT: .*\n.*DATABASE_URL: /);
  for (const key of ["PORT", "DATABASE_URL", "SLACK_CHANNEL", "TRACER_ADMIN_KEY"]) {
    expect(read).toThrow(new RegExp(`${key}: `));
  }
  expect(read).not.toThrow(/hunter22|xoxb|short/);
});

test("default secrets are refused", () => {
  for (const key of [
    "changeme-changeme-changeme",
    "test-test-test-test",
    "admin-password-1234",
    "0000000000000000",
    "password12345678901",
    "xxxxxxxxxxxxxxxxxxxxxxxx",
  ]) {
    expect(() => readConfig({ TRACER_INGEST_KEY: key })).toThrow(/TRACER_INGEST_KEY: looks like/);
  }
  for (const key of ["9f86d081884c7d659a2f", "0f3a9c2b7d1e4f60aa10", "1f3a9c2b7d1e4f60aa10"]) {
    expect(readConfig({ TRACER_INGEST_KEY: key }).ingestKey).toBe(key);
  }
});

test("a secret can be given as a file, and not twice", () => {
  const folder = mkdtempSync(join(tmpdir(), "tracer-config-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "key");
  writeFileSync(path, "9f86d081884c7d659a2f\n");
  expect(readConfig({ TRACER_ADMIN_KEY_FILE: path }).adminKey).toBe("9f86d081884c7d659a2f");
  const both = { TRACER_ADMIN_KEY_FILE: path, TRACER_ADMIN_KEY: "9f86d081884c7d659a2f" };
  expect(() => readConfig(both)).toThrow(/TRACER_ADMIN_KEY_FILE: is set together/);
  expect(() => readConfig({ TRACER_ADMIN_KEY_FILE: "/nowhere" })).toThrow(/ENOENT/);
});

test("empty values count as unset, as compose passes them", () => {
  expect(readConfig({ SLACK_BOT_TOKEN: "", SLACK_CHANNEL: " ", PORT: "" }).port).toBe(4318);
});

test("what this version cannot do is refused, not ignored", () => {
  expect(() => readConfig({ WEBHOOK_URL: "https://example.org/hook" })).toThrow(/WEBHOOK_URL: /);
});

test("only loopback addresses count as loopback", () => {
  for (const host of ["localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]"]) {
    expect(isLoopback(host), host).toBe(true);
  }
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.example.org", "example.org"]) {
    expect(isLoopback(host), host).toBe(false);
  }
});
