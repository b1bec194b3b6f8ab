import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
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
  expect(config.channels).toEqual([]);
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

async function withFile(text: string, use: (path: string) => void): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "tracer-config-"));
  try {
    const path = join(folder, "tracer.yaml");
    await writeFile(path, text);
    use(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("TRACER_CONFIG: the channels and rules of a file; the environment wins", async () => {
  const text = `
channels:
  payments: { kind: slack-webhook, url: { env: PAYMENTS } }
  slack-webhook: { kind: slack-webhook, url: https://file.example/ }
routes: [{ channels: [payments, pagerduty] }]
fallback: { channel: slack-webhook, after_seconds: 60 }
`;
  await withFile(text, (path) => {
    const environment = {
      ...{ TRACER_CONFIG: path, PAYMENTS: "https://pay.example/" },
      ...{ SLACK_WEBHOOK_URL: "https://environment.example/", PAGERDUTY_ROUTING_KEY: "k" },
    };
    const config = readConfig(environment);
    expect(config.channels).toMatchObject([
      { name: "slack-webhook", url: "https://environment.example/" },
      { name: "pagerduty" },
      { name: "payments", kind: "slack-webhook", url: "https://pay.example/" },
    ]);
    expect(config).toMatchObject({ fallbackChannel: "slack-webhook", fallbackSeconds: 60 });
    expect(config.settings.routes).toHaveLength(1);
    const own = readConfig({ ...environment, FALLBACK_CHANNEL: "pagerduty" });
    expect(own).toMatchObject({ fallbackChannel: "pagerduty", fallbackSeconds: 300 });
  });
});

test("TRACER_CONFIG: all its problems are named at once, without a value", async () => {
  const text = `
channels:
  a: { kind: slack-webhook, url: { env: NOT_SET } }
  b: { kind: webhook, url: https://b.example/, secret: hunter2 }
  c: { kind: slack, token: { file: /nowhere/token }, channel: C1 }
routes: [{ channels: [d] }]
`;
  await withFile(text, (path) => {
    expect(() => readConfig({ TRACER_CONFIG: path })).toThrow(
      expect.objectContaining({
        message: `The configuration has 4 problems:
  TRACER_CONFIG: channels.a.url: NOT_SET is not set in the environment
  TRACER_CONFIG: channels.b.secret: must be whsec_ and base64 of 24 to 64 bytes
  TRACER_CONFIG: channels.c.token: the file cannot be read (ENOENT)
  TRACER_CONFIG: routes[0].channels: there is no channel d; there are a, b, c`,
      }),
    );
  });
  expect(() => readConfig({ TRACER_CONFIG: "/nowhere" })).toThrow(/cannot be read \(ENOENT\)/);
});

test("only loopback addresses count as loopback", () => {
  for (const host of ["localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]"]) {
    expect(isLoopback(host), host).toBe(true);
  }
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.example.org", "example.org"]) {
    expect(isLoopback(host), host).toBe(false);
  }
});

test("a webhook: its secret and its hosts are checked at start, and mean nothing without it", () => {
  const WEBHOOK_URL = "https://hooks.example/tracer";
  const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
  expect(readConfig({ WEBHOOK_URL }).channels).toMatchObject([{ secret: null }]);
  expect(readConfig({ WEBHOOK_URL, WEBHOOK_SECRET: secret }).channels).toEqual([
    { name: "webhook", kind: "webhook", url: WEBHOOK_URL, secret, allowHosts: "" },
  ]);
  expect(() => readConfig({ WEBHOOK_SECRET: secret })).toThrow(/WEBHOOK_URL: is required/);
  expect(() => readConfig({ WEBHOOK_URL, WEBHOOK_SECRET: "short" })).toThrow(
    /WEBHOOK_SECRET: must/,
  );
  expect(() => readConfig({ WEBHOOK_URL, WEBHOOK_ALLOW_HOSTS: "a b" })).toThrow(
    /WEBHOOK_ALLOW_HOSTS: must/,
  );
});
