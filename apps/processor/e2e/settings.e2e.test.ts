import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startFakeSlack, startFakeWebhook } from "@tracer/testkit";
import { expect, test } from "vitest";
import { startTracerProcess, temporaryFolder } from "./tracer-process.ts";
import { postLogs, seeded, traffic, until } from "./traffic.ts";

const MINUTE_MS = 60_000;
const TOLD_MS_MAX = 60_000;

const FILE = `
channels:
  team: { kind: slack-webhook, url: { env: TEAM_WEBHOOK } }
  audit: { kind: webhook, url: { env: AUDIT_WEBHOOK }, allow_hosts: 127.0.0.1 }
routes:
  - { when: { service: shop-* }, channels: [team] }
  - channels: [audit]
redaction:
  - { pattern: 'order \\d+', replace: ‹order› }
`;

/** An hour of steady traffic of a service that has become faulty three minutes ago. */
function faulty(service: string, seed: number): string {
  const toMs = Date.now();
  const faultMs = toMs - 3 * MINUTE_MS;
  const random = seeded(seed);
  const steady = { service, perMinute: 480, random };
  return (
    traffic({ ...steady, fromMs: toMs - 63 * MINUTE_MS, toMs: faultMs, errorShare: 0.01 }) +
    traffic({ ...steady, fromMs: faultMs, toMs, errorShare: 0.4 })
  );
}

// Goal: the file decides who is told what, now and after it changed. Method: two receivers, one service for
// each; then the routes are turned round and SIGHUP is sent; then the file is broken.
test("TRACER_CONFIG: channels, routes and redaction of a file, read again on SIGHUP", async () => {
  await using folder = await temporaryFolder();
  await using slack = await startFakeSlack();
  await using audit = await startFakeWebhook();
  const path = join(folder.path, "tracer.yaml");
  await writeFile(path, FILE);
  await using tracer = await startTracerProcess({
    TRACER_CONFIG: path,
    TEAM_WEBHOOK: slack.webhookUrl,
    AUDIT_WEBHOOK: audit.webhookUrl,
  });
  const told = () => slack.messages.map(({ text }) => text).join("\n");
  const audited = () => [...audit.events.values()].map(({ text }) => text).join("\n");

  await postLogs(tracer.url, faulty("shop-a", 1) + faulty("billing", 2));
  await until("both told", TOLD_MS_MAX, () => told() !== "" && audited() !== "");
  expect(told()).toContain("shop-a");
  expect(told()).not.toContain("billing");
  expect(audited()).toContain("billing");
  expect(audited()).not.toContain("shop-a");
  expect(audited()).toContain("card declined for ‹order›");
  expect(audited() + JSON.stringify(slack.messages)).not.toMatch(/order \d+/);

  await writeFile(path, FILE.replace("channels: [team]", "channels: [audit]"));
  process.kill(tracer.pid, "SIGHUP");
  await until("read again", TOLD_MS_MAX, () => tracer.stderr().includes("settings_reloaded"));
  await postLogs(tracer.url, faulty("shop-b", 3));
  await until("told of shop-b", TOLD_MS_MAX, () => audited().includes("shop-b"));
  expect(told()).not.toContain("shop-b");

  await writeFile(path, FILE.replace("routes:", "rotes:"));
  process.kill(tracer.pid, "SIGHUP");
  await until("refused", TOLD_MS_MAX, () => tracer.stderr().includes("settings_refused"));
  expect(tracer.stderr()).toContain("did you mean routes?");
  await postLogs(tracer.url, faulty("shop-c", 4));
  await until("told of shop-c", TOLD_MS_MAX, () => audited().includes("shop-c"));
});
