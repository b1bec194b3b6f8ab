import { join } from "node:path";
import { startFakeSlack } from "@tracer/testkit";
import { expect, test } from "vitest";
import { startTracerProcess, temporaryFolder } from "./tracer-process.ts";
import { postLogs, until } from "./traffic.ts";

const MINUTE_MS = 60_000;
const HISTORY_MINUTES = 40 * 60;

function line(atMs: number, level: string, msg: string): string {
  return JSON.stringify({ time: new Date(atMs).toISOString(), level, service: "till", msg });
}

/** Forty hours that end a minute ago: a line a minute, and in every tenth an error of one kind. */
function history(nowMs: number): string {
  return Array.from({ length: HISTORY_MINUTES }, (_, minute) => {
    const atMs = nowMs - (HISTORY_MINUTES - minute) * MINUTE_MS;
    const fine = line(atMs, "info", `sale ${minute} took ${minute % 90} ms`);
    return minute % 10 === 0 ? `${fine}\n${line(atMs, "error", `printer ${minute} is out`)}` : fine;
  }).join("\n");
}

// Goal: a kind of message that was never seen is announced at its first line, one that is known is not, and
// what is known outlives the process. Method: history in one body, a kill, then a few lines.
test("a new kind of error is told of at its first line, after a restart as before", async () => {
  await using folder = await temporaryFolder();
  await using slack = await startFakeSlack();
  const environment = {
    DATA_DIR: join(folder.path, "data"),
    SLACK_BOT_TOKEN: slack.token,
    SLACK_CHANNEL: "C0ALERTS",
    SLACK_API_URL: slack.apiUrl,
    CLEAR_SECONDS: "1",
  };
  await using first = await startTracerProcess(environment);
  const posted = await postLogs(first.url, history(Date.now()));
  expect(posted.status).toBe(202);
  await first.stop("SIGTERM");

  await using second = await startTracerProcess(environment);
  expect(second.stderr()).toContain('"name":"snapshot_restored"');
  const nowMs = Date.now();
  const body = [
    line(nowMs - 40_000, "error", "printer 7 is out"),
    line(nowMs - 40_000, "error", "safe 12 cannot be opened: password=hunter2 <!channel>"),
    line(nowMs, "info", "sale 9 took 5 ms"),
  ];
  await postLogs(second.url, body.join("\n"));
  await until("an alert", 30_000, () => slack.messages.length > 0);
  const card = JSON.stringify(slack.messages);
  expect(card).toContain("A new kind of error");
  expect(card).toContain("safe &lt;num&gt; cannot be opened: password=‹redacted›");
  expect(card).not.toMatch(/hunter2|<!channel>/u);

  const response = await fetch(`${second.url}/api/v1/incidents?state=open`);
  const answer: { incidents?: { id: string }[] } = JSON.parse(await response.text());
  expect(answer.incidents).toMatchObject([
    {
      ...{ service: "till", kind: "template", severity: "error" },
      part: expect.stringMatching(/^[0-9a-f]{12}$/u),
      evidence: { expected: 0, ratio: null },
    },
  ]);
  expect(slack.messages).toHaveLength(1);

  await until("the service is firing", 10_000, async () => {
    const services = await fetch(`${second.url}/api/v1/services`);
    return (await services.text()).includes('"state":"firing"');
  });
  const { id = "" } = answer.incidents?.[0] ?? {};
  const acknowledged = await fetch(`${second.url}/api/v1/incidents/${id}/ack`, {
    method: "POST",
    body: '{"accept":true}',
    headers: { "content-type": "application/json" },
  });
  expect(JSON.parse(await acknowledged.text())).toMatchObject({ id, accepted: true });
  const words = "accepted by hand as the new normal";
  await until("the end", 30_000, () => JSON.stringify(slack.messages).includes(words));
});
