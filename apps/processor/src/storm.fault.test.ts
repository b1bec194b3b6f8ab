import { pagerdutyChannel, slackChannel } from "@tracer/notify";
import { sight } from "@tracer/store";
import {
  aSighting,
  createTestDatabase,
  SIGHT_OPTIONS,
  startFakePagerduty,
  startFakeSlack,
  type TestDatabase,
} from "@tracer/testkit";
import { expect, test } from "vitest";
import { ChannelStates } from "./channel-states.ts";
import { startDispatching } from "./dispatching.ts";
import { recordingObserve } from "./fixtures.test-helper.ts";

const KEYS = 600;
const CRITICAL = 12;
/** The dispatcher's clock runs so much faster than the wall. */
const HURRY = 10;
/** Messages to a provider: a few of their own, a few digests, and a look or two. */
const REQUESTS_MAX = 60;

const DIGEST_METADATA = { event_type: "tracer_digest" };

async function startWorld() {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createTestDatabase());
  const slack = stack.use(await startFakeSlack());
  const pagerduty = stack.use(await startFakePagerduty());
  const channels = [
    slackChannel({ ...slack, channel: "C0ALERTS", timings: { settleMs: 1 } }),
    pagerdutyChannel(pagerduty),
  ];
  const options = { ...SIGHT_OPTIONS, channels: channels.map(({ name }) => name) };
  for (let from = 0; from < KEYS; from += 100) {
    const batch = Array.from({ length: 100 }, (_, index) =>
      // The critical ones come last, and must be told first.
      aSighting({
        service: `s${from + index}`,
        severity: from + index >= KEYS - CRITICAL ? "critical" : "error",
      }),
    );
    await sight(database.pool, batch, options);
  }
  const start = () =>
    startDispatching({
      ...{ pool: database.pool, processorId: "p1", channels, fallback: null, quietSeconds: 1e6 },
      channelStates: new ChannelStates(channels, Date.now),
      linkBase: () => "http://tracer.example",
      clock: { monotonicMs: () => performance.now() * HURRY, wallMs: Date.now },
      observe: recordingObserve(),
    });
  const owned = stack.move();
  const dispose = { [Symbol.asyncDispose]: () => owned.disposeAsync() };
  return { database, slack, pagerduty, start, ...dispose };
}

/** Waits until nothing is on its way any more, and was sent. */
async function allSent({ pool }: TestDatabase, count: number): Promise<void> {
  await expect
    .poll(
      async () => {
        const { rows } = await pool.query(
          "select state, count(*)::int from outbox where state <> 'dropped' group by state",
        );
        return rows;
      },
      { timeout: 45_000, interval: 200 },
    )
    .toEqual([{ state: "sent", count }]);
}

/** The number before `words` in the first lines of all digests, summed. */
function counted(texts: readonly string[], words: string): number {
  const numbers = texts.map(
    (text) => new RegExp(`^Storm: (?:.*, )?([\\d,]+) ${words}`, "u").exec(text)?.[1] ?? "0",
  );
  return numbers.reduce((sum, number) => sum + Number(number.replaceAll(",", "")), 0);
}

/** Of the incidents that messages tell of, by their hidden ids: a message may be of several. */
function toldIn(messages: readonly { readonly metadata: unknown }[]): number {
  const ids = messages.flatMap(
    ({ metadata }) => JSON.stringify(metadata).match(/inc_[0-9a-f]{32}-\d+/g) ?? [],
  );
  return new Set(ids).size;
}

test("600 incidents at once: everything is told once, critical first, by a few messages; and so is their end", {
  timeout: 120_000,
}, async () => {
  await using world = await startWorld();
  const { database, slack, pagerduty } = world;
  const isDigest = ({ body }: { body: unknown }) =>
    JSON.stringify(body).includes(DIGEST_METADATA.event_type);
  // The first digest is posted, and nobody hears of it.
  slack.fail({ route: "chat.postMessage", match: isDigest, when: "after", status: 500 });
  pagerduty.fail({ route: "enqueue", when: "after", drop: true });
  await using _dispatching = world.start();
  await allSent(database, 2 * KEYS);

  const digests = slack.messages.filter(({ text }) => text.startsWith("Storm:"));
  const alone = slack.messages.filter(({ text }) => !text.startsWith("Storm:"));
  expect(digests.map(({ metadata }) => metadata)).toMatchObject(digests.map(() => DIGEST_METADATA));
  const opened = digests.map(({ text }) => text);
  expect(counted(opened, "incidents? opened") + toldIn(alone)).toBe(KEYS);
  expect(alone.slice(0, 3).every(({ text }) => text.startsWith("CRITICAL"))).toBe(true);
  expect(digests.length).toBeGreaterThan(0);
  expect(digests.length).toBeLessThan(4);
  const { rows } = await database.pool.query<{ digests: number; own: number }>(
    `select count(distinct digest)::int as digests, count(*) filter (where digest is null)::int as own
     from outbox where channel = 'slack' and action = 'open'`,
  );
  expect(rows).toEqual([{ digests: digests.length, own: toldIn(alone) }]);
  expect(slack.requests.map(({ route }) => route)).toContain("conversations.history");
  expect(slack.requests.length).toBeLessThan(REQUESTS_MAX);
  expect(pagerduty.requests.length).toBeLessThan(REQUESTS_MAX);
  const alerts = () => [...pagerduty.alerts.values()];
  const storm = alerts().find(({ dedupKey }) => dedupKey === "tracer:storm:pagerduty");
  expect(storm).toMatchObject({ state: "triggered", opened: 1 });

  await database.pool.query("update leases set until = clock_timestamp()");
  await database.pool.query(
    `update incidents set cleared_at = clock_timestamp(), expires_at = clock_timestamp(),
       hold_until = clock_timestamp()`,
  );
  await expect
    .poll(
      async () => {
        // The pause between two digests is the database's.
        await database.pool.query("update leases set until = clock_timestamp()");
        const { rows: left } = await database.pool.query(
          `select from incidents where state = 'open'
           union all select from outbox where state in ('pending', 'leased')`,
        );
        return left.length;
      },
      { timeout: 45_000, interval: 500 },
    )
    .toBe(0);
  await allSent(database, 4 * KEYS);
  const texts = slack.messages.map(({ text }) => text);
  const ended = texts.filter((text) => text.startsWith("RESOLVED")).length;
  expect(counted(texts, "(?:incidents? )?resolved") + ended).toBe(KEYS);
  expect(alerts().filter(({ state }) => state !== "resolved")).toEqual([]);
});
