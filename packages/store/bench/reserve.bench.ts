// Reservations a second on the embedded server with fsync: new keys, duplicates by write, duplicates answered
// from a read, and batches. "One a statement" is what many processors of one caller each cost the database; the callers
// of one processor share statements. Prints what the machine gave; exits 1 only when a ratio within the run is missed.
//   npx -y pnpm@12.21.0 bench:reserve [--json] [--seconds 5]
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { aSighting, SIGHT_OPTIONS } from "@tracer/testkit";
import {
  migrate,
  openPool,
  type Pool,
  ReadFirst,
  type Sighting,
  sight,
  startEmbeddedPostgres,
} from "../src/index.ts";

const CONNECTIONS = 16;
/** Callers that are answered from a read share statements, so that they need not be as few as connections. */
const READ_CALLERS = 64;
const HOT_KEYS = 200;
const BATCH = 100;
const FLUSH_MS = 1_000;
const P99_MS_GOAL = 20;
const READ_FIRST_RATIO_MIN = 4;
const BATCH_RATIO_MIN = 3;

interface Measured {
  readonly name: string;
  readonly callers: number;
  readonly keysPerSecond: number;
  /** Null: there is none. */
  readonly goalPerSecond: number | null;
  /** Of one call, whatever the number of keys in it. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Load {
  readonly name: string;
  readonly goalPerSecond: number | null;
  /** Default: one for each connection. */
  readonly callers?: number;
  /** One call; answers with the number of keys. */
  readonly call: (turn: number) => Promise<number>;
}

const { values } = parseArgs({
  options: { json: { type: "boolean" }, seconds: { type: "string", default: "5" } },
});
const seconds = Number(values.seconds);

/** Each caller has its next call as soon as the last is answered. */
async function measure({
  name,
  goalPerSecond,
  callers = CONNECTIONS,
  call,
}: Load): Promise<Measured> {
  const latenciesMs: number[] = [];
  let keys = 0;
  let turn = 0;
  const run = async (untilMs: number) => {
    while (performance.now() < untilMs) {
      const beganMs = performance.now();
      const sighted = await call(turn++);
      keys += sighted;
      latenciesMs.push(performance.now() - beganMs);
    }
  };
  const runAll = (forMs: number) => {
    const untilMs = performance.now() + forMs;
    return Promise.all(Array.from({ length: callers }, () => run(untilMs)));
  };
  await runAll(500); // Warm: connections, plans, compiled code.
  latenciesMs.length = 0;
  keys = 0;
  const beganMs = performance.now();
  await runAll(seconds * 1e3);
  const keysPerSecond = keys / ((performance.now() - beganMs) / 1e3);
  const sorted = latenciesMs.toSorted((one, other) => one - other);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
  process.stderr.write(`${name}: ${keysPerSecond.toFixed(0)} keys/s\n`);
  return { name, callers, keysPerSecond, goalPerSecond, p50Ms: at(0.5), p99Ms: at(0.99) };
}

function isBatch(name: string): boolean {
  return name.includes("batch");
}

function keyed(service: string): Sighting {
  return aSighting({ service, occurrences: 0 });
}

async function measureAll(pool: Pool): Promise<Measured[]> {
  const hot = Array.from({ length: HOT_KEYS }, (_, index) => keyed(`hot ${index}`));
  const hotAt = (turn: number) => hot.slice(turn % HOT_KEYS, (turn % HOT_KEYS) + 1);
  const monotonicMs = () => performance.now();
  const gate = new ReadFirst({ db: pool, sightOptions: SIGHT_OPTIONS, monotonicMs });
  const writer = new ReadFirst({ db: pool, sightOptions: SIGHT_OPTIONS, monotonicMs, keysMax: 0 });
  const single: Load = {
    name: "new keys, one a statement",
    goalPerSecond: null,
    call: async (turn) => (await sight(pool, [keyed(`one ${turn}`)], SIGHT_OPTIONS)).length,
  };
  const shared: Load = {
    name: "new keys",
    goalPerSecond: 2_000,
    call: async (turn) => (await writer.sight([keyed(`new ${turn}`)])).length,
  };
  const batches: Load = {
    name: `new keys, ${BATCH} in a batch`,
    goalPerSecond: 8_000,
    call: async (turn) => {
      const sightings = Array.from({ length: BATCH }, (_, index) => keyed(`b ${turn} ${index}`));
      return (await sight(pool, sightings, SIGHT_OPTIONS)).length;
    },
  };
  const written: Load = {
    name: "duplicates by write",
    goalPerSecond: 3_000,
    call: async (turn) => (await writer.sight(hotAt(turn))).length,
  };
  const read: Load = {
    name: "duplicates read first",
    goalPerSecond: 15_000,
    callers: READ_CALLERS,
    call: async (turn) => (await gate.sight(hotAt(turn))).length,
  };
  const measured = [await measure(single), await measure(batches), await measure(shared)];
  await gate.sight(hot);
  measured.push(await measure(written));
  await gate.sight(hot); // Hot from now on: each flush writes them again.
  const flushing = setInterval(() => void gate.flush(), FLUSH_MS);
  measured.push(await measure(read));
  clearInterval(flushing);
  await gate.flush();
  return measured;
}

function print(measured: readonly Measured[]): void {
  const line = (...cells: readonly string[]) =>
    process.stdout.write(
      `${cells.map((cell, index) => (index === 0 ? cell.padEnd(28) : cell.padStart(11))).join("")}\n`,
    );
  line("", "callers", "keys/s", "goal", "p50 ms", "p99 ms", "goal");
  // Of single sightings; sixteen batches at once wait for one another.
  for (const { name, callers, keysPerSecond, goalPerSecond, p50Ms, p99Ms } of measured) {
    const goals =
      goalPerSecond === null
        ? ["", ""]
        : [`${goalPerSecond}`, isBatch(name) ? "" : `${P99_MS_GOAL}`];
    const [rateGoal = "", p99Goal = ""] = goals;
    const figures = [`${callers}`, keysPerSecond.toFixed(0), rateGoal, p50Ms.toFixed(1)];
    line(name, ...figures, p99Ms.toFixed(1), p99Goal);
  }
}

const dataDir = await mkdtemp(join(tmpdir(), "tracer-bench-"));
try {
  await using server = await startEmbeddedPostgres({ dataDir });
  const pool = openPool({
    connectionString: server.connectionString,
    connectionsMax: CONNECTIONS,
  });
  await migrate(pool);
  const measured = await measureAll(pool);
  await pool.end();
  const rateOf = (index: number) => measured[index]?.keysPerSecond ?? Number.NaN;
  const ratios = [
    { name: "batch to single", ratio: rateOf(1) / rateOf(0), ratioMin: BATCH_RATIO_MIN },
    { name: "read first to write", ratio: rateOf(4) / rateOf(3), ratioMin: READ_FIRST_RATIO_MIN },
  ];
  if (values.json) process.stdout.write(`${JSON.stringify({ measured, ratios })}\n`);
  else print(measured);
  for (const { name, ratio, ratioMin } of ratios) {
    if (!values.json)
      process.stdout.write(`${name}: ${ratio.toFixed(1)}× (at least ${ratioMin})\n`);
    if (!(ratio >= ratioMin)) process.exitCode = 1;
  }
} finally {
  await rm(dataDir, { recursive: true, force: true });
}
