import {
  createTestDatabase,
  startFakeComposio,
  startFakePagerduty,
  startFakeSlack,
} from "@tracer/testkit";
import { describe, expect, test } from "vitest";
import { startShop } from "./shop-process.ts";
import { startTracerProcess } from "./tracer-process.ts";
import { pause, postLogs, seeded, traffic, until } from "./traffic.ts";

const MINUTE_MS = 60_000;
/** Three steps, the lateness, and the rest of a step. */
const ALERT_MS_MAX = 60_000;

/** An hour of steady history that ends now, in one body. */
function history(service: string, perMinute: number, seed: number): string {
  const toMs = Date.now();
  const fromMs = toMs - 60 * MINUTE_MS;
  return traffic({ service, fromMs, toMs, perMinute, errorShare: 0.02, random: seeded(seed) });
}

/** Posts what happened in the last second, each second. */
async function postLive(options: {
  urls: readonly string[];
  service: string;
  perMinute: number;
  errorShare: number;
  seconds: number;
  seed: number;
  until?: () => boolean;
}): Promise<void> {
  const random = seeded(options.seed);
  let fromMs = Date.now();
  const endMs = fromMs + options.seconds * 1_000;
  while (fromMs < endMs && options.until?.() !== true) {
    await pause(1_000);
    const toMs = Date.now();
    const body = traffic({ ...options, fromMs, toMs, random });
    await Promise.all(options.urls.map((url) => postLogs(url, body).catch(() => null)));
    fromMs = toMs;
  }
}

// Real time passes in these, mostly waiting, so they run side by side.
describe.concurrent("the whole line, in real processes", () => {
  // Goal: the main job. Method: a Fastify and pino shop under load, its stdout shipped; a fault is
  // switched on and off in it; the loopback Slack and PagerDuty say what arrived.
  test("a fault in a real program: one Slack message, edited as it grows, edited to resolved", async () => {
    await using slack = await startFakeSlack();
    await using pagerduty = await startFakePagerduty();
    await using tracer = await startTracerProcess({
      SLACK_BOT_TOKEN: slack.token,
      SLACK_CHANNEL: "C0ALERTS",
      SLACK_API_URL: slack.apiUrl,
      PAGERDUTY_ROUTING_KEY: pagerduty.routingKey,
      PAGERDUTY_EVENTS_URL: pagerduty.eventsUrl,
      CLEAR_SECONDS: "5",
    });
    await postLogs(tracer.url, history("shop", 480, 1));
    await using shop = await startShop({ url: tracer.url, service: "shop", perSecond: 8 });
    await pause(15_000);
    expect(slack.messages).toHaveLength(0);

    const faultMs = performance.now();
    await shop.setFault(0.4);
    await slack.waitFor(() => slack.messages.length > 0, ALERT_MS_MAX);
    const alertedMs = performance.now() - faultMs;
    expect(alertedMs).toBeLessThan(ALERT_MS_MAX);
    const first = slack.messages[0];
    for (const part of ["shop", "z ", "EWMA", "payment gateway timeout"]) {
      expect(JSON.stringify(first?.blocks)).toContain(part);
    }
    expect(JSON.stringify(first)).not.toContain("jane.doe@example.org");
    expect(JSON.stringify(first)).not.toMatch(/NaN|Infinity|undefined/);

    await until("an edit", 60_000, () => (slack.messages[0]?.earlier.length ?? 0) > 0);
    await shop.setFault(0);
    await until("resolved", 150_000, () => /resolved/i.test(slack.messages[0]?.text ?? ""));
    expect(slack.messages).toHaveLength(1);
    const paged = () => [...pagerduty.alerts.values()];
    await until("resolved at PagerDuty", 30_000, () => paged()[0]?.state === "resolved");
    expect(paged()).toMatchObject([{ opened: 1, state: "resolved" }]);
  });

  test("an hour of history sends nothing; a spike posted live for 40 s: one message, over Composio, though it answers 500 after sending", async () => {
    await using slack = await startFakeSlack();
    await using composio = await startFakeComposio({ slack });
    await using tracer = await startTracerProcess({
      COMPOSIO_API_KEY: composio.apiKey,
      COMPOSIO_BASE_URL: composio.url,
      COMPOSIO_SLACK_CHANNEL: "C0ALERTS",
    });
    const posted = await postLogs(tracer.url, history("checkout", 100, 2));
    expect(posted).toEqual({ status: 202, accepted: 6_000 });
    await pause(5_000);
    expect(composio.executions).toHaveLength(0);

    composio.fail({ route: "execute", when: "after", status: 500 });
    const live = { urls: [tracer.url], service: "checkout", perMinute: 100, seconds: 40, seed: 3 };
    await postLive({ ...live, errorShare: 0.3 });
    await until("a message", 40_000, () => slack.messages.length > 0);
    await pause(8_000);
    expect(slack.messages).toHaveLength(1);
    const sends = composio.executions.filter(({ slug }) => slug.endsWith("_SEND_MESSAGE"));
    expect(sends).toHaveLength(1);
  });

  // Goal: a process that dies between commit and send costs nothing. Method: the attempt table is locked,
  // so that whoever claimed the delivery cannot send; that process is killed; then the lock goes.
  test("three processors see the same logs, one is killed between commit and send: one message, from another", async () => {
    await using slack = await startFakeSlack();
    await using database = await createTestDatabase();
    const environment = {
      DATABASE_URL: database.connectionString,
      SLACK_BOT_TOKEN: slack.token,
      SLACK_CHANNEL: "C0ALERTS",
      SLACK_API_URL: slack.apiUrl,
    };
    const tracers = await Promise.all([1, 2, 3].map(() => startTracerProcess(environment)));
    await using stack = new AsyncDisposableStack();
    for (const tracer of tracers) stack.use(tracer);
    const urls = tracers.map(({ url }) => url);
    const past = history("payments", 200, 4);
    await Promise.all(urls.map((url) => postLogs(url, past)));

    const blocker = await database.pool.connect();
    stack.defer(() => blocker.release(true));
    await blocker.query("SET idle_in_transaction_session_timeout = 0");
    await blocker.query("BEGIN");
    await blocker.query("LOCK TABLE delivery_attempts IN EXCLUSIVE MODE");
    const live = { urls, service: "payments", perMinute: 200, seconds: 75, seed: 5 };
    const feeding = postLive({ ...live, errorShare: 0.35, until: () => slack.messages.length > 0 });
    let holder = "";
    await until("a claimed delivery", 60_000, async () => {
      const { rows } = await database.pool.query(
        "select leased_by from outbox where state = 'leased'",
      );
      holder = String(rows[0]?.leased_by ?? "");
      return holder !== "";
    });
    const victim = tracers.find((tracer) => tracer.stderr().includes(`"processorId":"${holder}"`));
    expect(victim).toBeDefined();
    await victim?.stop("SIGKILL");
    expect(slack.messages).toHaveLength(0);
    await blocker.query("COMMIT");
    await slack.waitFor(() => slack.messages.length > 0, 30_000);
    await feeding;
    await pause(6_000);
    expect(slack.messages.filter(({ threadTs }) => threadTs === null)).toHaveLength(1);
  });
});
