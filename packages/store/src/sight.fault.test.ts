import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { aSighting, createTestDatabase, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";

const SERVICES_MAX = 400;
const WORKERS = 3;
const KILLS = 16;
const SEED = 20_261;

/**
 * A process that sights service after service, five in a statement, and then claims and settles what is
 * due. It says which services it was told are created, so that nothing acknowledged can go missing.
 */
const WORKER = `
  const { connectionString, sighting, options, offset } = JSON.parse(process.argv[1]);
  const store = await import(${JSON.stringify(join(import.meta.dirname, "index.ts"))});
  const pool = store.openPool({ connectionString, connectionsMax: 4 });
  const processorId = "p" + process.pid;
  for (let turn = 0; ; turn += 1) {
    const batch = [0, 1, 2, 3, 4].map((step) => {
      const service = "s" + ((offset + turn * 5 + step) % ${SERVICES_MAX});
      return { ...sighting, key: { ...sighting.key, service } };
    });
    process.stdout.write("turn\\n");
    const results = await store.sight(pool, batch, options);
    for (const { outcome, fingerprint } of results) {
      if (outcome === "created") process.stdout.write("created " + fingerprint + "\\n");
    }
    const channel = options.channels[turn % options.channels.length];
    const claim = { processorId, leaseSeconds: 30, limit: 3, channel };
    for (const delivery of await store.claimDeliveries(pool, claim)) {
      const attemptId = await store.recordAttempt(pool, { ...delivery, processorId });
      if (attemptId === null) continue;
      const verdict = { kind: "sent", receipt: null };
      await store.settle(pool, { ...delivery, attemptId, verdict, retryAfterMs: 0 });
    }
  }`;

/** Numbers in [0, 1) that are the same on every run. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

// Goal: kill -9 at any moment loses no announcement and doubles none. Method: three processes sight the
// same services; one after the other is killed at a random moment of its life and replaced; at the end the
// ledger of what was acknowledged, the incidents and the outbox must agree.
test("kill -9 at random moments: every incident has its outbox row, once", async () => {
  await using database = await createTestDatabase();
  const random = randomOf(SEED);
  const told: string[] = [];
  const start = (offset: number): ChildProcess => {
    const input = {
      connectionString: database.connectionString,
      sighting: aSighting(),
      options: { ...SIGHT_OPTIONS, channels: ["slack", "pagerduty"] },
      offset,
    };
    const child = spawn(
      process.execPath,
      ["--input-type=module", "-e", WORKER, JSON.stringify(input)],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    child.stdout.setEncoding("utf8").on("data", (text: string) => told.push(...text.split("\n")));
    return child;
  };
  const workers = Array.from({ length: WORKERS }, (_, index) => start(index * 100));
  try {
    for (let kill = 0; kill < KILLS; kill += 1) {
      const index = Math.floor(random() * WORKERS);
      const victim = workers[index];
      if (victim === undefined) continue;
      if (victim.stdout !== null) await once(victim.stdout, "data"); // It is at work.
      await pause(random() * 40); // A moment within its next statements.
      victim.kill("SIGKILL");
      await once(victim, "close");
      workers[index] = start(Math.floor(random() * SERVICES_MAX));
    }
  } finally {
    const ended = workers.map((worker) => once(worker, "close"));
    for (const worker of workers) worker.kill("SIGKILL");
    await Promise.all(ended);
  }
  const { rows } = await database.pool.query<{ fingerprint: string; messages: string[] }>(
    `select i.fingerprint, array_agg(o.epoch || ' ' || o.seq || ' ' || o.action || ' ' || o.channel
       order by o.channel) as messages
     from incidents i left join outbox o using (fingerprint) group by i.fingerprint`,
  );
  expect(rows.length).toBeGreaterThan(100); // It did happen.
  for (const { messages } of rows)
    expect(messages).toEqual(["1 1 open pagerduty", "1 1 open slack"]);
  const ledger = told
    .filter((line) => /^created [0-9a-f]{32}$/.test(line))
    .map((line) => line.slice(8));
  expect(ledger.length).toBeGreaterThan(50);
  expect(new Set(ledger).size).toBe(ledger.length); // Nobody was told twice.
  const stored = new Set(rows.map(({ fingerprint }) => fingerprint));
  expect(ledger.filter((fingerprint) => !stored.has(fingerprint))).toEqual([]);
  const orphans = await database.pool.query(
    "select from outbox left join incidents using (fingerprint) where incidents.fingerprint is null",
  );
  expect(orphans.rowCount).toBe(0);
});
