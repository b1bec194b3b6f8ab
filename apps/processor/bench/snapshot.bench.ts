// What a snapshot of many services costs: the longest turn of the event loop while one is written, against
// the time in which the columns could have been copied at once, and what a start pays to read it.
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { CountDeltas } from "@tracer/core";
import { readConfig } from "../src/config.ts";
import { writeSnapshot } from "../src/snapshot-file.ts";
import { createState, framesOf, restoreState } from "../src/snapshots.ts";

const SERVICES = Number(process.env["SERVICES"] ?? 100_000);
const NOON_MS = Date.UTC(2026, 0, 5, 12);
const folder = await mkdtemp(join(tmpdir(), "tracer-bench-"));
const path = join(folder, "detector.snapshot");
const config = readConfig({});
const state = createState(config);
const deltas = new CountDeltas({ cellsMax: 4_000_000 });
for (let service = 0; service < SERVICES; service += 1) {
  const name = `service-${service}`;
  const slot = state.directory.intern({ project: "default", environment: "prod", service: name });
  for (let step = 0; step < 12; step += 1) {
    deltas.add(slot, NOON_MS + step * 10_000, 2, Number.NaN, 1 + (slot % 7));
  }
}
state.detector.observe(deltas, NOON_MS + 120_000);
state.detector.tick(NOON_MS + 121_000);
state.detector.takeTransitions();

const say = (what: string, value: number) => process.stdout.write(`${what}: ${value.toFixed(1)}\n`);
let longestTurnMs = 0;
for (const frames = framesOf(state); ; ) {
  const startMs = performance.now();
  const { done } = frames.next();
  longestTurnMs = Math.max(longestTurnMs, performance.now() - startMs);
  if (done === true) break;
}
say("longest turn of making a frame, ms", longestTurnMs);
for (let round = 0; round < 3; round += 1) {
  const lag = monitorEventLoopDelay({ resolution: 1 });
  lag.enable();
  const rssBefore = process.memoryUsage().rss;
  const startMs = performance.now();
  await writeSnapshot(path, framesOf(state));
  say("written in ms", performance.now() - startMs);
  lag.disable();
  say("longest delay of the event loop, ms", lag.max / 1e6);
  say("MB of memory more", (process.memoryUsage().rss - rssBefore) / 2 ** 20);
}
say("MB in the file", (await stat(path)).size / 2 ** 20);
const startMs = performance.now();
const observe = Object.assign(() => {}, {
  metrics: async () => "",
  watch: () => {},
  recordsAccepted: () => 0,
  close: () => {},
});
const receiptMs = NOON_MS + 180_000;
const restored = await restoreState({ config, path, receiptMs, observe });
say("restored in ms", performance.now() - startMs);
const tickMs = performance.now();
restored.detector.tick(receiptMs);
say("first tick in ms", performance.now() - tickMs);
if (restored.directory.size !== SERVICES) throw new Error("not everything came back");
await rm(folder, { recursive: true });
