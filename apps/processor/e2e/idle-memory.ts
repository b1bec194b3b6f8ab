// A hundred thousand services for ten minutes, then silence, on a simulated clock: what is held, in JSON on stdout.
// Run it with --expose-gc.
import { Detector, TemplateBook } from "@tracer/detect";
import { createLogsDecoder, ExemplarRings, SeriesDirectory } from "@tracer/ingest";
import { createObserve } from "../src/observe.ts";
import { Pipeline } from "../src/pipeline.ts";

const SERVICES = 100_000;
const SERVICES_PER_BATCH = 10_000;
const startMs = 1_800_000_000_000;
let nowMs = startMs;
const directory = new SeriesDirectory({ seriesMax: SERVICES });
const detector = new Detector({ seriesMax: directory.slotsMax });
const observe = createObserve("silent", process.stderr);
const pipeline = new Pipeline({
  ...{ directory, detector, observe, templates: new TemplateBook(), rings: new ExemplarRings() },
  announcer: { take: () => {}, sight: () => {}, pendingCount: 0 },
  decisions: { take: () => {}, release: () => {} },
  receiptMs: () => nowMs,
  onSignals: () => {},
});

function heldMb(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 1024 / 1024;
}

async function post(lines: readonly string[]): Promise<void> {
  const origin = { protocol: "logs", createDecoder: createLogsDecoder, project: "default" };
  await pipeline.ingest(Buffer.from(lines.join("\n")), { ...origin, defaultService: "unknown" });
}

async function flood(name: string): Promise<void> {
  for (let from = 0; from < SERVICES; from += SERVICES_PER_BATCH) {
    await post(
      Array.from({ length: SERVICES_PER_BATCH }, (_, at) => `{"service":"${name}-${from + at}"}`),
    );
  }
}

/** Silence but for one service, which always comes. */
async function pass(hours: number): Promise<void> {
  for (const endMs = nowMs + hours * 3_600_000; nowMs < endMs; nowMs += 10_000) {
    if (nowMs % 60_000 === 0) await post(['{"service":"stays"}']);
    pipeline.tick();
  }
}

await post(['{"service":"stays"}']);
await pass(0.1);
const empty = heldMb();
await flood("first");
const full = heldMb();
await pass(3);
const after = heldMb();
const seriesAfter = directory.size;
await flood("second");
const again = heldMb();
observe.close();
process.stdout.write(
  JSON.stringify({ empty, full, after, seriesAfter, again, others: directory.overflowed }),
);
