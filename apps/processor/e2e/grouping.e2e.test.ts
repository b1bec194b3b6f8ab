import { join } from "node:path";
import { startFakeSlack } from "@tracer/testkit";
import { expect, test } from "vitest";
import { startTracerProcess, temporaryFolder } from "./tracer-process.ts";
import { postLogs, until } from "./traffic.ts";

const SECOND_MS = 1_000;
const STEP_SECONDS = 5;
const HISTORY_LINES = (40 * 3_600) / STEP_SECONDS;
const FAULT_LINES = 240 / STEP_SECONDS;

/** A line each five seconds: sales of about 100 ms, one in fifty fails in a way that is known. */
function calm(atMs: number, index: number): string {
  const failed = index % 50 === 0;
  return JSON.stringify({
    ...{ time: new Date(atMs).toISOString(), service: "till", level: failed ? "error" : "info" },
    msg: failed ? `printer ${index} is out` : `sale ${index}`,
    duration_ms: 90 + ((index * 7) % 20),
  });
}

/** Every other line is an error that nobody has seen before, and all take thirty times as long. */
function faulty(atMs: number, index: number): string {
  const failed = index % 2 === 0;
  return JSON.stringify({
    ...{ time: new Date(atMs).toISOString(), service: "till", level: failed ? "error" : "info" },
    msg: failed ? `card terminal refused order ${index}` : `sale ${index}`,
    duration_ms: 3_000 + ((index * 7) % 20),
  });
}

// Goal: one fault that moves errors, latency and the kinds of message is one message, and each of them an
// incident. Method: forty calm hours and four minutes of the fault, each in one body.
test("a fault that shows in three ways is one message in Slack, which names them all", async () => {
  await using folder = await temporaryFolder();
  await using slack = await startFakeSlack();
  await using tracer = await startTracerProcess({
    DATA_DIR: join(folder.path, "data"),
    SLACK_BOT_TOKEN: slack.token,
    SLACK_CHANNEL: "C0ALERTS",
    SLACK_API_URL: slack.apiUrl,
  });
  const faultMs = Date.now() - FAULT_LINES * STEP_SECONDS * SECOND_MS;
  const at = (index: number) => faultMs + index * STEP_SECONDS * SECOND_MS;
  const history = Array.from({ length: HISTORY_LINES }, (_, index) =>
    calm(at(index - HISTORY_LINES), index),
  );
  await postLogs(tracer.url, history.join("\n"));
  const fault = Array.from({ length: FAULT_LINES }, (_, index) => faulty(at(index), index));
  await postLogs(tracer.url, fault.join("\n"));

  const kinds = async () => {
    const response = await fetch(`${tracer.url}/api/v1/incidents?state=open`);
    const answer: { incidents?: { kind: string }[] } = JSON.parse(await response.text());
    return (answer.incidents ?? []).map(({ kind }) => kind).toSorted();
  };
  await until("three incidents", 60_000, async () => (await kinds()).length === 3);
  expect(await kinds()).toEqual(["error", "latency", "template"]);
  const named = () => new Set(JSON.stringify(slack.messages).match(/inc_[0-9a-f]{32}-1 open/gu));
  await until("all three in the message", 30_000, () => named().size === 3);
  const cards = slack.messages.filter(({ threadTs }) => threadTs === null);
  expect(cards).toHaveLength(1);
  expect(cards[0]?.text).toMatch(/^CRITICAL till: .*\(and 2 more\)/u);
});
