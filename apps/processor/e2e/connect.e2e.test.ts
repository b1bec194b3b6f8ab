import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createTestDatabase, startFakeComposio, startFakeSlack } from "@tracer/testkit";
import { expect, test } from "vitest";
import { runTracer, startTracerProcess, temporaryFolder } from "./tracer-process.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

/** `tracer connect` as a person sees it: what it prints, and the link to open. */
async function connecting(args: readonly string[], environment: Record<string, string>) {
  const folder = await temporaryFolder();
  const child = spawn(process.execPath, [MAIN, "connect", ...args], {
    cwd: folder.path,
    env: { PATH: process.env["PATH"], PORT: "0", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  const link = new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output.stdout += text;
      const url = /^ {2}(http\S+)$/m.exec(output.stdout)?.[1];
      if (url !== undefined) resolve(url);
    });
    child.once("exit", () => reject(new Error(`no link: ${output.stdout} ${output.stderr}`)));
  });
  const ended = once(child, "exit").then(async ([code]) => {
    await folder[Symbol.asyncDispose]();
    return { code: code === null ? "killed" : Number(code), ...output };
  });
  return { link: await link, interrupt: () => child.kill("SIGINT"), ended };
}

test("connect slack: the link, the wait, a real read, and the account is kept for the channel", async () => {
  await using database = await createTestDatabase();
  await using slack = await startFakeSlack();
  await using composio = await startFakeComposio({ slack, connected: [] });
  const environment = {
    DATABASE_URL: database.connectionString,
    COMPOSIO_API_KEY: composio.apiKey,
    COMPOSIO_BASE_URL: composio.url,
  };
  const none = await runTracer(["connections"], environment);
  expect([none.code, none.stdout]).toEqual([0, expect.stringContaining("tracer connect slack")]);

  // Given up: what was half made is gone again.
  const first = await connecting(["slack"], environment);
  first.interrupt();
  expect(await first.ended).toMatchObject({ code: 1, stderr: expect.stringContaining("Given up") });
  // Refused by the person who was asked: said, and gone, too.
  const second = await connecting(["slack"], environment);
  await fetch(`${second.link}?deny=1`);
  expect(await second.ended).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/CONNECT_FAILED: .*FAILED: access_denied/u),
  });
  expect((await runTracer(["connections"], environment)).stdout).toContain("no connections");

  const third = await connecting(["slack"], environment);
  await fetch(third.link);
  const connected = await third.ended;
  expect([connected.code, connected.stderr]).toEqual([0, expect.stringContaining("Waiting")]);
  expect(connected.stdout).toMatch(
    /^Connected slackbot as ca_link\d+ \(verified: it answered 200\)/m,
  );
  expect(composio.proxied.map(({ endpoint }) => endpoint)).toEqual([
    "https://slack.com/api/auth.test",
  ]);
  const listed = await runTracer(["connections", "--json"], environment);
  expect(JSON.parse(listed.stdout)).toMatchObject({
    connections: [{ toolkit: "slackbot", status: "ACTIVE", used: true }],
  });
  // What it kept is what the channel uses.
  const sent = await runTracer(["send-test"], {
    ...environment,
    COMPOSIO_SLACK_CHANNEL: "C0ALERTS",
  });
  expect([sent.code, sent.stderr]).toEqual([0, ""]);
  expect(sent.stdout).toContain("composio-slack: connection slackbot ACTIVE (ca_link");
  expect(sent.stdout).toMatch(/composio-slack: edit sent .*composio-slack: resolve sent /su);
  expect(sent.stdout).toContain(
    "composio-slack: see https://example.slack.com/archives/C0ALERTS/p",
  );
  expect(slack.messages).toHaveLength(1);
});

test("connect beside a Tracer with the embedded database: that one keeps the account; and a wrong key is named", async () => {
  await using slack = await startFakeSlack();
  await using composio = await startFakeComposio({ slack, connected: [] });
  const environment = { COMPOSIO_API_KEY: composio.apiKey, COMPOSIO_BASE_URL: composio.url };
  await using tracer = await startTracerProcess(environment);
  const beside = { ...environment, DATA_DIR: tracer.dataDir, PORT: new URL(tracer.url).port };
  const asked = await connecting(["pagerduty"], beside);
  await fetch(asked.link);
  expect(await asked.ended).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("Connected pagerduty as ca_link1 (verified"),
  });
  const wrong = await runTracer(["connect", "slack"], { ...beside, COMPOSIO_API_KEY: "ak_wrong" });
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining("COMPOSIO_API_KEY")]);
  const { COMPOSIO_API_KEY: _, ...without } = beside;
  expect((await runTracer(["connect", "slack"], without)).code).toBe(78);
  expect((await runTracer(["connect", "Not a toolkit"], beside)).code).toBe(2);

  // doctor, with the same Tracer at work.
  const well = await runTracer(["doctor"], beside);
  expect([well.code, well.stderr]).toEqual([0, ""]);
  expect(well.stdout).toMatch(/^ok {7}database: embedded; a Tracer is using it$/m);
  expect(well.stdout).toMatch(/^ok {7}port PORT \d+: Tracer \S+ answers there$/m);
});

test("doctor: a line each with its fix, as JSON, too, and the exit code says what kind of thing is wrong", async () => {
  await using database = await createTestDatabase();
  await using slack = await startFakeSlack({ scopes: ["channels:history"] });
  await using composio = await startFakeComposio({ slack, connected: [] });
  const environment = {
    DATABASE_URL: database.connectionString,
    SLACK_BOT_TOKEN: slack.token,
    SLACK_CHANNEL: "C0ALERTS",
    SLACK_API_URL: slack.apiUrl,
    COMPOSIO_API_KEY: composio.apiKey,
    COMPOSIO_BASE_URL: composio.url,
    COMPOSIO_SLACK_CHANNEL: "C0ALERTS",
  };
  const { code, stdout } = await runTracer(["doctor", "--json"], environment);
  expect(code).toBe(1);
  const { ok, checks } = JSON.parse(stdout);
  expect(ok).toBe(false);
  expect(checks).toMatchObject([
    { area: "configuration", state: "ok" },
    { area: "data", state: "ok" },
    { area: "database", state: "ok" },
    { area: "schema", state: "ok", detail: "is up to date" },
    { area: "clock", state: "ok" },
    { area: "port", state: "ok" },
    { area: "channel", name: "slack", state: "ok", detail: "token speaks as tracer in Example" },
    { name: "slack", state: "failed", fix: expect.stringContaining("chat:write") },
    {
      name: "composio-slack",
      state: "failed",
      fix: expect.stringContaining("tracer connect slack"),
    },
    {
      name: "composio-slack",
      state: "ok",
      detail: "tool SLACKBOT_SEND_MESSAGE takes what it is given",
    },
    ...[
      { name: "composio-slack", state: "ok" },
      { name: "composio-slack", state: "ok" },
    ],
    { name: "composio-slack", state: "failed" },
  ]);
  expect(stdout).not.toContain(slack.token);
  expect(slack.messages).toHaveLength(0); // Nothing was sent.
  const sent = await runTracer(["send-test", "slack"], environment);
  expect([sent.code, sent.stdout]).toEqual([
    1,
    expect.stringContaining("missing_scope: needs chat:write; add the scope chat:write"),
  ]);

  const away = { DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" };
  const noDatabase = await runTracer(["doctor"], away);
  expect([noDatabase.code, noDatabase.stdout]).toEqual([69, expect.stringContaining("fix: ")]);
  const wrong = await runTracer(["doctor"], { PORT: "many", LOG_LEVEL: "loud" });
  expect(wrong.code).toBe(78);
  expect(wrong.stdout.match(/^failed {3}configuration: /gm)).toHaveLength(2);
});
