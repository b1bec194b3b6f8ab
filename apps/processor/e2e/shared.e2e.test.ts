import { createTestDatabase, startFakeSlack } from "@tracer/testkit";
import { expect, test } from "vitest";
import { startTracerProcess, type TracerProcess } from "./tracer-process.ts";
import { pause, postLogs, seeded, traffic, until } from "./traffic.ts";

const PER_MINUTE = 60;
/** A silence says something after six hours. */
const HISTORY_MS = 6.2 * 3_600_000;
/** Clients may take this long to move, and what is missing meanwhile is no silence. */
const MOVE_MS = 60_000;

/** Posts each second what each service sent in it, in turns to each of `urls`. */
function feed(urls: () => readonly string[], services: () => readonly string[]) {
  const random = seeded(5);
  const state = { stopped: false, turn: 0 };
  const feeding = (async () => {
    let fromMs = wholeSecond();
    while (!state.stopped) {
      await pause(1_000);
      const toMs = wholeSecond();
      const span = { fromMs, toMs, perMinute: PER_MINUTE, errorShare: 0, random };
      const to = urls()[state.turn % urls().length] ?? "";
      for (const service of services()) {
        const body = traffic({ service, ...span });
        if (body !== "\n") await postLogs(to, body).catch(() => null);
      }
      state.turn += 1;
      fromMs = toMs;
    }
  })();
  return {
    [Symbol.asyncDispose]: async () => {
      state.stopped = true;
      await feeding;
    },
  };
}

function wholeSecond(): number {
  return Math.floor(Date.now() / 1_000) * 1_000;
}

async function metricOf(tracer: TracerProcess, name: string): Promise<number> {
  const text = await (await fetch(`${tracer.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN);
}

async function lastMinuteOf(tracer: TracerProcess, service: string): Promise<number> {
  const response = await fetch(`${tracer.url}/api/v1/services`);
  const { services }: { services: { service: string; recordsPerMinute: number }[] } = JSON.parse(
    await response.text(),
  );
  return services.find((each) => each.service === service)?.recordsPerMinute ?? 0;
}

// Goal: what a load balancer does is no fault. Method: three processes on one database, each with a third of the
// traffic; one is killed, one loses its clients, and nothing is told; then one service of two stops.
test("a kill and a move of clients raise nothing, a service that stops one incident", async () => {
  await using database = await createTestDatabase();
  await using slack = await startFakeSlack();
  const environment = {
    DATABASE_URL: database.connectionString,
    LATENESS_SECONDS: "0",
    SLACK_BOT_TOKEN: slack.token,
    SLACK_CHANNEL: "C0ALERTS",
    SLACK_API_URL: slack.apiUrl,
  };
  await using first = await startTracerProcess(environment);
  await using second = await startTracerProcess(environment);
  await using third = await startTracerProcess(environment);
  const all = [first, second, third];
  const peers = async (count: number, of: readonly TracerProcess[]) => {
    const seen = await Promise.all(of.map((each) => metricOf(each, "tracer_peers")));
    return seen.every((each) => each === count);
  };
  await until("all to know of each other", 10_000, () => peers(2, all));

  const routes = { to: all.map(({ url }) => url), services: ["checkout", "search"] };
  const random = seeded(3);
  const toMs = wholeSecond();
  for (const service of routes.services) {
    const span = { fromMs: toMs - HISTORY_MS, toMs, perMinute: PER_MINUTE, errorShare: 0, random };
    expect((await postLogs(first.url, traffic({ service, ...span }))).status).toBe(202);
  }
  await using _feeding = feed(
    () => routes.to,
    () => routes.services,
  );
  await until("the others to have read it", 20_000, async () => {
    const read = await metricOf(second, "tracer_foreign_records_total");
    return read >= (2 * PER_MINUTE * HISTORY_MS) / 60_000;
  });
  routes.to = [first.url, second.url];
  await third.stop("SIGKILL");
  await until("the others to miss it", 15_000, () => peers(1, [first, second]));
  await pause(MOVE_MS); // Until then nothing would be told anyway.
  routes.to = [second.url];
  await pause(5_000);
  expect(slack.messages).toEqual([]);

  // Had a move been taken for a drop, the other service would be told of in the same time.
  routes.services = ["search"];
  await slack.waitFor(() => slack.messages.length > 0, 110_000);
  await pause(5_000);
  expect(slack.messages).toHaveLength(1);
  expect(slack.messages[0]?.text).toContain("checkout");
  for (const tracer of [first, second]) {
    expect(tracer.stderr()).toMatch(/"name":"signal_opened","kind":"volume","service":"checkout"/);
    expect(tracer.stderr()).not.toMatch(/"name":"signal_opened",[^}]*"service":"search"/);
    const records = await lastMinuteOf(tracer, "search");
    expect(records).toBeGreaterThanOrEqual(PER_MINUTE - 8);
    expect(records).toBeLessThanOrEqual(PER_MINUTE + 8);
  }
  const tellers = [first, second].filter((each) => each.stderr().includes('"name":"reserved"'));
  expect(tellers).toHaveLength(1);
});
