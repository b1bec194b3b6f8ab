// What a snapshot of 100,000 services costs: for how long one is in the way of everything else while it is
// written, how much memory it takes, and what a start pays to read it. Prints; exits 1 when it does not come in slices.
//   node apps/processor/bench/snapshot.bench.ts
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CountDeltas } from "@tracer/core";
import { readConfig } from "../src/config.ts";
import { recordingObserve } from "../src/fixtures.test-helper.ts";
import { writeSnapshot } from "../src/snapshot-file.ts";
import { createState, framesOf, restoreState } from "../src/snapshots.ts";

const SERVICES = 100_000;
const ROUNDS = 3;
/** The longest turn takes less than this share of the whole. */
const TURN_SHARE_MAX = 0.2;
const NOON_MS = Date.UTC(2026, 0, 5, 12);

const config = readConfig({});
const state = createState(config);
const deltas = new CountDeltas({ cellsMax: 12 * SERVICES });
for (let service = 0; service < SERVICES; service += 1) {
  const key = { project: "default", environment: "prod", service: `service-${service}` };
  const slot = state.directory.intern(key);
  for (let step = 0; step < 12; step += 1) {
    deltas.add(slot, NOON_MS + step * 10_000, 2, Number.NaN, 1 + (slot % 7));
  }
}
state.detector.observe(deltas, NOON_MS + 120_000);
state.detector.tick(NOON_MS + 121_000);
state.detector.takeTransitions();

const say = (what: string, value: number) =>
  process.stdout.write(`${value.toFixed(1).padStart(8)} ${what}\n`);

/** The frames, and in `longestMs` the longest time that making one took: nothing else can run in it. */
function* timed(turns: { longestMs: number }) {
  const frames = framesOf(state);
  for (;;) {
    const startMs = performance.now();
    const { done, value } = frames.next();
    turns.longestMs = Math.max(turns.longestMs, performance.now() - startMs);
    if (done === true) return;
    yield value;
  }
}

const folder = await mkdtemp(join(tmpdir(), "tracer-bench-"));
const path = join(folder, "detector.snapshot");
let sliced = true;
for (let round = 0; round < ROUNDS; round += 1) {
  const turns = { longestMs: 0 };
  const rssBefore = process.memoryUsage().rss;
  const startMs = performance.now();
  await writeSnapshot(path, timed(turns));
  const tookMs = performance.now() - startMs;
  say("ms to write it", tookMs);
  say("ms, the longest turn", turns.longestMs);
  say("MB of memory more than before", (process.memoryUsage().rss - rssBefore) / 2 ** 20);
  if (round > 0) sliced &&= turns.longestMs < TURN_SHARE_MAX * tookMs; // The first one warms up.
}
say("MB in the file", (await stat(path)).size / 2 ** 20);

const receiptMs = NOON_MS + 180_000;
let startMs = performance.now();
const restored = await restoreState({ config, path, receiptMs, observe: recordingObserve() });
say("ms to restore it", performance.now() - startMs);
startMs = performance.now();
restored.detector.tick(receiptMs);
say("ms for the first tick after it", performance.now() - startMs);
await rm(folder, { recursive: true });
if (restored.directory.size !== SERVICES) throw new Error("not every service came back");
process.exitCode = sliced ? 0 : 1;
