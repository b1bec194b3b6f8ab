// CPU time of decoding, interning and counting a log, with the scanner in WebAssembly and with the walker alone,
// against JSON.parse of each line with the result thrown away; in one process, in turns, ratios of medians. And what
// it costs when the records are of ever more services. Run: node packages/ingest/bench/decode.bench.ts [SHAPE]
import { CountDeltas } from "@tracer/core";
import {
  countBatch,
  createLogsDecoder,
  createWasmScanner,
  RecordBatch,
  SeriesDirectory,
} from "../src/index.ts";
import { bodiesOf, RECEIPT_MS, SHAPES } from "./shapes.ts";

const LOGS = 20_000;
const ROUNDS = 15;
const SLICE_BYTES = 131_072;
/** Of the scanner over JSON.parse: of logs as pino writes them, and of any other shape. */
const PINO_RATIO_MIN = 3.5;
const RATIO_MIN = 1.5;
/** Of the walker over JSON.parse, as pino writes them. */
const WALKER_RATIO_MIN = 1.2;
/** Cost of a log of one in a million services over that of a log of one. */
const MILLION_RATIO_MAX = 4;

const print = (text: string) => process.stdout.write(`${text}\n`);

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? Number.NaN;
}

/** CPU time of this thread, ns a log. */
function costOf(run: () => number): number {
  const before = process.threadCpuUsage();
  const logs = run();
  const { user, system } = process.threadCpuUsage(before);
  return ((user + system) * 1_000) / logs;
}

/** Decodes and counts bodies, as the pipeline does. */
function createRun(directory: SeriesDirectory, usesScanner: boolean) {
  const projectId = directory.project("default");
  const scanner = usesScanner ? createWasmScanner(directory) : null;
  const batch = new RecordBatch();
  const deltas = new CountDeltas({ cellsMax: 2_000_000 });
  return (bodies: readonly Buffer[]): number => {
    let logs = 0;
    for (const body of bodies) {
      deltas.clear();
      const context = { directory, projectId, defaultService: "unknown", receiptMs: RECEIPT_MS };
      const decoder = createLogsDecoder(body, { ...context, batch, scanner }, (rows) => {
        countBatch(rows, deltas);
      });
      while (!decoder.advance(SLICE_BYTES));
      logs += decoder.report.accepted;
    }
    return logs;
  };
}

function parseLines(bodies: readonly Buffer[]): number {
  let logs = 0;
  for (const body of bodies) {
    for (const line of body.toString("utf8").split("\n")) {
      if (line !== "" && JSON.parse(line) !== null) logs += 1;
    }
  }
  return logs;
}

function expectAtLeast(name: string, ratio: number, least: number): void {
  print(`  ${name}: ${ratio.toFixed(2)} × JSON.parse (at least ${least})`);
  if (!(ratio >= least)) process.exitCode = 1;
}

for (const [name, make] of Object.entries(SHAPES)) {
  if (process.argv[2] !== undefined && process.argv[2] !== name) continue;
  for (const per of [1_000, 4]) {
    const bodies = bodiesOf(make, LOGS, per);
    const scan = createRun(new SeriesDirectory(), true);
    const walk = createRun(new SeriesDirectory(), false);
    const costs = { scan: [0], walk: [0], parse: [0] } satisfies Record<string, number[]>;
    for (let round = 0; round < ROUNDS; round += 1) {
      costs.scan[round] = costOf(() => scan(bodies));
      costs.walk[round] = costOf(() => walk(bodies));
      costs.parse[round] = costOf(() => parseLines(bodies));
    }
    const [scanned, walked, parsed] = [median(costs.scan), median(costs.walk), median(costs.parse)];
    const bytes = bodies.reduce((sum, body) => sum + body.length, 0) / LOGS;
    print(
      `${name}, ${bytes.toFixed(0)} bytes, bodies of ${per}: scanner ${scanned.toFixed(0)} ns, ` +
        `walker ${walked.toFixed(0)} ns (${(walked / scanned).toFixed(2)} ×), JSON.parse ${parsed.toFixed(0)} ns`,
    );
    if (per !== 1_000) continue; // Small bodies: HTTP costs ten times as much as all of this.
    expectAtLeast("scanner", parsed / scanned, name === "pino" ? PINO_RATIO_MIN : RATIO_MIN);
    if (name === "pino") expectAtLeast("walker", parsed / walked, WALKER_RATIO_MIN);
  }
}

/** Cost of a log by the number of services, each met equally often and in no order. */
function costOfServices(services: number): number {
  const run = createRun(new SeriesDirectory({ seriesMax: 1_000_000, seed: 7 }), true);
  const make = (at: number) => ({
    ...{ level: 30, time: RECEIPT_MS - 5_000, service: `service-${(at * 7_919) % services}` },
    ...{ pid: 4711, hostname: "web-1", msg: "request completed for the shop front" },
  });
  for (let at = 0; at < services; at += 100_000) {
    run(bodiesOf((line) => make(at + line), Math.min(services, 100_000), 1_000));
  }
  const bodies = bodiesOf((at) => make(at * 13), LOGS, 1_000);
  return median(Array.from({ length: 7 }, () => costOf(() => run(bodies))));
}

if (process.argv[2] === undefined || process.argv[2] === "services") {
  const costs = [1, 1_000, 100_000, 1_000_000].map((services) => {
    const cost = costOfServices(services);
    print(`of ${services.toLocaleString("en")} services: ${cost.toFixed(0)} ns a log`);
    return cost;
  });
  const ratio = (costs.at(-1) ?? Number.NaN) / (costs[0] ?? Number.NaN);
  print(`  a million over one: ${ratio.toFixed(2)} (at most ${MILLION_RATIO_MAX})`);
  if (!(ratio <= MILLION_RATIO_MAX)) process.exitCode = 1;
}
