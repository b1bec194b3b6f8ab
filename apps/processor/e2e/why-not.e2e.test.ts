import { createKeysIfNone, type NewKeys, sight } from "@tracer/store";
import { aSighting, createTestDatabase, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import { runTracer, startTracerProcess, type TracerProcess } from "./tracer-process.ts";
import { postLogs, seeded, traffic } from "./traffic.ts";

// Goal: what a person is told who asks why nothing fired, from outside. Method: records of an hour ago, so that
// only their own times close steps; a question makes the processor look at the newest closed minute.

const ADMIN_KEY = "6f1d0c2b9a8e7d6c5b4a39281706f5e4";
const MINUTE_MS = 60_000;
/** When the blip begins. */
const BLIP_MS = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - 60 * MINUTE_MS;

interface Answer {
  readonly verdict: string;
  readonly code: string;
  readonly message: string;
  readonly decisions: readonly { kind: string; part: string; state: string; exact: boolean }[];
}

function client(tracer: TracerProcess) {
  const random = seeded(7);
  const headers = { authorization: `Bearer ${ADMIN_KEY}` };
  return {
    /** Thirty records a minute in [from, to), in minutes from the blip. */
    post: async (service: string, from: number, to: number, errorShare: number) => {
      const times = { fromMs: BLIP_MS + from * MINUTE_MS, toMs: BLIP_MS + to * MINUTE_MS };
      const body = traffic({ service, ...times, perMinute: 30, errorShare, random });
      expect((await postLogs(tracer.url, body, headers)).status).toBe(202);
    },
    ask: async (service: string, query: string, key = ADMIN_KEY) => {
      const url = `${tracer.url}/api/v1/services/${service}/decisions?${query}`;
      const response = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
      const answer: Answer = JSON.parse(await response.text());
      return { status: response.status, ...answer };
    },
  };
}

const SHORT_OF_BAR =
  /^Nothing fired: closest was errors, evidence [\d.]+ of \d+, [\d.]+ short of its bar\.$/;

test("a blip short of its bar, a service that learns, history, and what nobody knows", async () => {
  await using database = await createTestDatabase();
  const other: NewKeys | null = await createKeysIfNone(database.pool, { project: "other" });
  const environment = {
    DATABASE_URL: database.connectionString,
    TRACER_ADMIN_KEY: ADMIN_KEY,
  };
  const blipAt = `at=${BLIP_MS + 5_000}`;
  {
    await using tracer = await startTracerProcess(environment);
    const { post, ask } = client(tracer);
    await post("checkout", -30 * 60, 0, 0.01);
    await post("checkout", 0, 1 / 6, 0.6);
    await post("checkout", 1 / 6, 4 / 3, 0.01);
    const blip = await ask("checkout", blipAt);
    expect(blip.verdict).toMatch(SHORT_OF_BAR);
    expect(blip.decisions).toContainEqual(
      expect.objectContaining({ kind: "error", state: "watching", exact: true, unit: "share" }),
    );

    await post("cart", 0, 2, 0);
    const learning = await ask("cart", `at=${BLIP_MS + 30_000}`);
    expect(learning.verdict).toMatch(/^Nothing fired: cart is learning/);

    await post("checkout", 4 / 3, 10, 0.8);
    const stale = await ask("checkout", `at=${BLIP_MS + 8.5 * MINUTE_MS}`);
    expect(stale.verdict).toMatch(/^Nothing was sent: the detector found errors, but in records/);

    for (const query of ["at=yesterday", "at=-1", "at=2026-01-05T10:00:00", "kind=errors"]) {
      expect([query, await ask("checkout", query)]).toMatchObject([
        query,
        { status: 400, code: "INPUT_INVALID" },
      ]);
    }
    expect(await ask("chekout", blipAt)).toMatchObject({ status: 404, code: "NOT_FOUND" });
    const elsewhere = await ask("checkout", `${blipAt}&environment=staging`);
    expect([elsewhere.status, elsewhere.message]).toEqual([
      404,
      expect.stringContaining("known in: none"),
    ]);
    // Another project's key: neither from memory nor from rows.
    const foreign = await ask("checkout", blipAt, other?.admin);
    expect([foreign.status, foreign.message.includes("known in")]).toEqual([404, false]);
    expect(await tracer.stop("SIGTERM")).toBe(0);
  }

  // Another process, without the memory of the first: from the database, on the command line.
  await using tracer = await startTracerProcess(environment);
  const { PORT, TRACER_ADMIN_KEY } = { PORT: new URL(tracer.url).port, ...environment };
  const command = (args: readonly string[], keys: Record<string, string>) =>
    runTracer(["why-not", "--service", "checkout", ...args], { PORT, ...keys });
  const at = ["--at", new Date(BLIP_MS + 5_000).toISOString()];
  const [text, json, badTime, noKey, nobody] = await Promise.all([
    command(at, { TRACER_ADMIN_KEY }),
    command([...at, "--kind", "error", "--json"], { TRACER_ADMIN_KEY }),
    command(["--at", "noonish"], { TRACER_ADMIN_KEY }),
    command(at, {}),
    command(at, { PORT: "1" }),
  ]);
  const [verdict = "", , where, head] = text.stdout.split("\n");
  expect([text.code, text.stderr]).toEqual([0, ""]);
  expect(verdict).toMatch(SHORT_OF_BAR);
  expect(where).toContain("checkout at 20");
  expect(head).toMatch(/^kind +state +since +evidence +observed +expected +why$/);
  expect(text.stdout).not.toMatch(/NaN|Infinity|undefined|null/);
  expect(text.stdout).not.toContain(String.fromCharCode(27));
  const answer: Answer = JSON.parse(json.stdout);
  expect(answer).toMatchObject({ verdict, decisions: [{ kind: "error", state: "watching" }] });

  // What had fired is told with its id.
  const [opened] = await sight(database.pool, [aSighting()], SIGHT_OPTIONS);
  const fired = await client(tracer).ask("checkout", `at=${Date.now()}`);
  expect(fired.verdict).toMatch(/^Something had fired: “Errors in checkout”, open since /);
  expect(fired.verdict).toContain(opened?.incidentId ?? "no id");
  expect([badTime.code, badTime.stderr.includes("10 min ago")]).toEqual([2, true]);
  expect([noKey.code, noKey.stderr.includes("TRACER_ADMIN_KEY")]).toEqual([1, true]);
  expect([nobody.code, nobody.stderr.includes("127.0.0.1:1")]).toEqual([69, true]);
});
