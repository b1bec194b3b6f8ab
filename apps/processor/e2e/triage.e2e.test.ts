import { sight } from "@tracer/store";
import {
  aSighting,
  createTestDatabase,
  type FakeModel,
  type FakeSlack,
  SIGHT_OPTIONS,
  startFakeModel,
  startFakeSlack,
  type TestDatabase,
} from "@tracer/testkit";
import { describe, expect, test } from "vitest";
import { runTracer, startTracerProcess } from "./tracer-process.ts";
import { until } from "./traffic.ts";

const ANSWER = JSON.stringify({
  summary: "Cards are declined because the gateway is slow. <!channel> https://evil.example",
  likely_cause: "The payment gateway.",
  what_to_check: ["the gateway's status page"],
  confidence: "high",
});

function environment(database: TestDatabase, slack: FakeSlack, model: FakeModel) {
  return {
    DATABASE_URL: database.connectionString,
    SLACK_BOT_TOKEN: slack.token,
    SLACK_CHANNEL: "C0ALERTS",
    SLACK_API_URL: slack.apiUrl,
    TRIAGE_MODEL: "local-7b",
    TRIAGE_BASE_URL: model.baseUrl,
    TRIAGE_HOURLY_MAX: "2",
  };
}

/** The detector is not asked: what follows from an incident is. */
async function open(database: TestDatabase, service: string): Promise<void> {
  await sight(database.pool, [aSighting({ service })], SIGHT_OPTIONS);
}

async function metricsOf(url: string): Promise<string> {
  return (await fetch(`${url}/metrics`)).text();
}

describe.concurrent("triage by a model, in real processes", () => {
  test("two processors: the alert first, one question, the note in the same message, a cap for both", async () => {
    await using database = await createTestDatabase();
    await using slack = await startFakeSlack();
    await using model = await startFakeModel();
    model.reply(ANSWER);
    model.fail({ route: "chat", when: "before", delayMs: 1_500 });
    const settings = environment(database, slack, model);
    await using one = await startTracerProcess(settings);
    await using two = await startTracerProcess(settings);

    await open(database, "checkout");
    await slack.waitFor(() => slack.messages.length === 1, 60_000);
    expect(JSON.stringify(slack.messages[0]?.blocks)).not.toContain("guess");
    await slack.waitFor(() => JSON.stringify(slack.messages[0]?.blocks).includes("guess"), 60_000);
    const edited = JSON.stringify(slack.messages[0]?.blocks);
    expect(edited).toContain("Model's guess (high confidence): Cards are declined");
    expect(edited).toContain("To check: the gateway's status page");
    expect(edited).not.toMatch(/<!channel|https:\/\/evil/);
    expect(slack.messages).toHaveLength(1);
    expect(model.requests).toHaveLength(1);

    for (const service of ["cart", "search"]) await open(database, service);
    const outcomes = async () => {
      const texts = await Promise.all([metricsOf(one.url), metricsOf(two.url)]);
      const sum = (outcome: string) => {
        const line = new RegExp(`^tracer_triages_total\\{outcome="${outcome}"\\} (\\d+)$`, "m");
        return texts.reduce((total, text) => total + Number(line.exec(text)?.[1] ?? 0), 0);
      };
      return { noted: sum("noted"), capped: sum("capped") };
    };
    await until("three outcomes", 60_000, async () => {
      const { noted, capped } = await outcomes();
      return noted + capped === 3;
    });
    expect(await outcomes()).toEqual({ noted: 2, capped: 1 });
    expect(model.requests).toHaveLength(2);
  });

  test("a model that fails costs nothing but its note", async () => {
    await using database = await createTestDatabase();
    await using slack = await startFakeSlack();
    await using model = await startFakeModel();
    model.fail({ route: "chat", when: "before", status: 500, times: 99 });
    await using tracer = await startTracerProcess(environment(database, slack, model));
    await open(database, "checkout");
    await slack.waitFor(() => slack.messages.length === 1, 60_000);
    await until("it is counted", 60_000, async () =>
      /^tracer_triages_total\{outcome="failed"\} 1$/m.test(await metricsOf(tracer.url)),
    );
    expect(tracer.stderr()).toContain('"reason":"http_500"');
    expect(model.requests).toHaveLength(1);
    expect(slack.messages).toMatchObject([{ earlier: [] }]);
    const { rows } = await database.pool.query<{ action: string }>("select action from outbox");
    expect(rows).toEqual([{ action: "open" }]);
  });
});

test("half a configuration of a model is refused by key", async () => {
  const check = async (environment: Record<string, string>) =>
    runTracer(["check-config"], environment);
  const lost = await check({ TRIAGE_MODEL: "acme/one" });
  expect(lost).toMatchObject({ code: 78 });
  expect(lost.stderr).toContain("TRIAGE_API_KEY: is required with TRIAGE_MODEL");
  const bare = await check({ TRIAGE_BASE_URL: "http://127.0.0.1:1/v1" });
  expect(bare).toMatchObject({ code: 78 });
  expect(bare.stderr).toContain("TRIAGE_MODEL: is required with TRIAGE_BASE_URL");
  const whole = await check({ TRIAGE_MODEL: "m", TRIAGE_BASE_URL: "http://127.0.0.1:1/v1/" });
  expect(whole.stdout).toContain(
    "triage       m at http://127.0.0.1:1/v1, at most 20 calls an hour",
  );
});
