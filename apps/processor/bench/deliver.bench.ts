// From a committed change to the request at the provider: single changes at a calm rate through the dispatcher
// and a Slack channel, and changes of a processor that was killed right after its commit, sent by another.
//   npx -y pnpm@12.21.0 bench:deliver [--json] [--changes 40] [--kills 10]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { systemClock } from "@tracer/core";
import { slackChannel } from "@tracer/notify";
import { migrate, openPool, type Pool, sight, startEmbeddedPostgres } from "@tracer/store";
import { aSighting, type FakeSlack, SIGHT_OPTIONS, startFakeSlack } from "@tracer/testkit";
import { ChannelStates } from "../src/channel-states.ts";
import { startDispatching } from "../src/dispatching.ts";
import { createObserve } from "../src/observe.ts";

/** Slack's pace is one message a second; what waits for that is not measured here. */
const CALM_MS = 1_050;
const WARM_CHANGES = 4;
/** What is woken by its own commit must beat what is found by looking four times a second. */
const RATIO_MIN = 1.5;
const GIVE_UP_MS = 20_000;

/** A processor that shows life, commits a change and is killed in the same moment. */
const VICTIM = `
  const { connectionString, service } = JSON.parse(process.argv[1]);
  const { crashPoints } = await import("@tracer/core");
  const store = await import("@tracer/store");
  const { aSighting, SIGHT_OPTIONS } = await import("@tracer/testkit");
  const pool = store.openPool({ connectionString, connectionsMax: 1 });
  await store.heartbeat(pool, service);
  crashPoints.arm("sight.after", { passes: 1, crash: () => process.kill(process.pid, "SIGKILL") });
  await store.sight(pool, [aSighting({ service })], SIGHT_OPTIONS);`;

interface Measured {
  readonly name: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly goal: string;
}

const { values } = parseArgs({
  options: {
    json: { type: "boolean" },
    changes: { type: "string", default: "40" },
    kills: { type: "string", default: "10" },
  },
});

function measured(name: string, latenciesMs: readonly number[], goal: string): Measured {
  const sorted = latenciesMs.toSorted((one, other) => one - other);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN;
  return { name, p50Ms: at(0.5), p99Ms: at(0.99), goal };
}

const posts = (slack: FakeSlack) =>
  slack.requests.filter(({ route }) => route === "chat.postMessage").length;

async function calmChanges(pool: Pool, slack: FakeSlack, wake: () => void): Promise<number[]> {
  const latenciesMs: number[] = [];
  for (let change = 0; change < WARM_CHANGES + Number(values.changes); change += 1) {
    await pause(CALM_MS);
    const before = posts(slack);
    await sight(pool, [aSighting({ service: `calm ${change}` })], SIGHT_OPTIONS);
    const committedMs = performance.now();
    wake();
    await slack.waitFor(() => posts(slack) > before, GIVE_UP_MS);
    if (change >= WARM_CHANGES) latenciesMs.push(performance.now() - committedMs);
  }
  return latenciesMs;
}

async function failovers(
  pool: Pool,
  slack: FakeSlack,
  connectionString: string,
): Promise<number[]> {
  const latenciesMs: number[] = [];
  for (let kill = 0; kill < Number(values.kills); kill += 1) {
    await pause(CALM_MS);
    const service = `killed ${kill}`;
    const before = posts(slack);
    const input = JSON.stringify({ connectionString, service });
    const victim = spawn(process.execPath, ["--input-type=module", "-e", VICTIM, input], {
      cwd: join(import.meta.dirname, ".."),
      stdio: ["ignore", "ignore", "inherit"],
    });
    const arrived = slack.waitFor(() => posts(slack) > before, GIVE_UP_MS).then(() => Date.now());
    const [, signal] = await once(victim, "exit");
    if (signal !== "SIGKILL")
      throw new Error("The processor that was to be killed ended by itself.");
    const { rows } = await pool.query<{ at: number }>(
      "select (extract(epoch from created_at) * 1000)::float8 as at from outbox where incident ->> 'service' = $1",
      [service],
    );
    // One machine, one clock: the database's and ours are the same here.
    latenciesMs.push((await arrived) - (rows[0]?.at ?? Number.NaN));
    process.stderr.write(`killed ${kill + 1}\n`);
  }
  return latenciesMs;
}

function print(results: readonly Measured[]): void {
  for (const { name, p50Ms, p99Ms, goal } of results) {
    const figures = `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`;
    process.stdout.write(`${name.padEnd(36)}${figures} (goal ${goal})\n`);
  }
}

const dataDir = await mkdtemp(join(tmpdir(), "tracer-bench-"));
try {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startEmbeddedPostgres({ dataDir }));
  const { connectionString } = server;
  const pool = openPool({ connectionString });
  stack.defer(() => pool.end());
  await migrate(pool);
  const slack = stack.use(await startFakeSlack());
  const { token, apiUrl } = slack;
  // Each change a message of its own, which it would not be as a member of a group.
  const channels = [slackChannel({ token, apiUrl, channel: "C0ALERTS", groups: false })];
  const observe = createObserve("silent", { write: () => {} });
  stack.defer(() => observe.close());
  const dispatching = stack.use(
    startDispatching({
      ...{ pool, channels, observe, clock: systemClock, processorId: "bench" },
      channelStates: new ChannelStates(channels, systemClock.wallMs),
      quietSeconds: SIGHT_OPTIONS.quietSeconds,
      fallback: null,
      linkBase: () => "http://127.0.0.1:4318",
    }),
  );
  const calm = await calmChanges(pool, slack, dispatching.wake);
  const failed = await failovers(pool, slack, connectionString);
  const results = [
    measured("commit to request, calm", calm, "10 and 50 ms"),
    measured("commit to request, processor killed", failed, "1,000 ms"),
  ];
  const ratio = (results[1]?.p50Ms ?? Number.NaN) / (results[0]?.p50Ms ?? Number.NaN);
  const expected = WARM_CHANGES + calm.length + failed.length;
  if (values.json) process.stdout.write(`${JSON.stringify({ results, ratio })}\n`);
  else print(results);
  process.stderr.write(`${slack.messages.length} messages of ${expected} changes\n`);
  if (slack.messages.length !== expected || !(ratio >= RATIO_MIN)) process.exitCode = 1;
} finally {
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
}
