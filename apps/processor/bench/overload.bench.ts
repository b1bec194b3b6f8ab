// Three times what it can take, from 200 clients of mixed dialects, some of whose requests are cut. In the middle a
// quiet service begins to fail. Every acknowledged record must be counted, memory must stay flat, and the incident
// must be told within a minute. Linux only: it reads /proc.
//   npx -y pnpm@12.21.0 overload [seconds, default 300] [clients, default 200]
import { setTimeout as pause } from "node:timers/promises";
import { startFakeSlack } from "@tracer/testkit";
import { acceptedAtRest, metricSum, problemsOf, residentMb } from "../e2e/overload/books.ts";
import { CANARY, startCanary } from "../e2e/overload/canary.ts";
import { sendAsCrowd } from "../e2e/overload/crowd.ts";
import { DIALECTS } from "../e2e/overload/dialects.ts";
import { startTracerProcess } from "../e2e/tracer-process.ts";
import { postLogs, seeded } from "../e2e/traffic.ts";

const seconds = Number(process.argv[2] ?? 300);
const clients = Number(process.argv[3] ?? 200);
const SEED = 5;
const RECORDS_PER_BATCH = 5_000;
const CAPACITY_MS = 10_000;
const TIMES = 3;
const CUT_SHARE = 0.05;
const BUDGET_BYTES = 96 * 1024 * 1024;
const TOLD_SECONDS_MAX = 60;
const RECOVERED_SECONDS_MAX = 2;
/** The last third of the time may need this much more than the second. */
const FLAT_RATIO_MAX = 1.25;

await using slack = await startFakeSlack();
await using tracer = await startTracerProcess({
  LOG_LEVEL: "warn",
  INGEST_IN_FLIGHT_BYTES_MAX: String(BUDGET_BYTES),
  SLACK_BOT_TOKEN: slack.token,
  SLACK_CHANNEL: "C0ALERTS",
  SLACK_API_URL: slack.apiUrl,
});
const say = (text: string) => process.stdout.write(`${text}\n`);
const random = seeded(SEED);
const { url } = tracer;
const shared = { url, dialects: DIALECTS, recordsPerBatch: RECORDS_PER_BATCH, random };

const measured = await sendAsCrowd({
  ...{ ...shared, clients: 8, recordsPerSecond: null, cutShare: 0 },
  stop: AbortSignal.timeout(CAPACITY_MS),
});
const capacity = (measured.acknowledged * 1e3) / CAPACITY_MS;
say(`capacity: ${Math.round(capacity)} records/s from 8 clients; seed ${SEED}`);

const stopCanary = new AbortController();
const canary = await startCanary({ url, random, stop: stopCanary.signal });
const residents: number[] = [];
const sampling = setInterval(() => residents.push(residentMb(tracer.pid)), 500);
let failedMs = 0;
let toldMs: number | null = null;
const failing = setTimeout(() => {
  failedMs = performance.now();
  canary.fail();
}, seconds * 500);
const watching = setInterval(() => {
  if (failedMs > 0 && slack.messages.some(({ text }) => text.includes(CANARY)))
    toldMs ??= performance.now();
}, 100);
const ledger = await sendAsCrowd({
  ...{ ...shared, clients, recordsPerSecond: TIMES * capacity, cutShare: CUT_SHARE },
  stop: AbortSignal.timeout(seconds * 1e3),
});
const endedMs = performance.now();
while ((await postLogs(url, '{"service":"probe"}')).status !== 202) await pause(50);
const recoveredSeconds = (performance.now() - endedMs) / 1e3;
while (toldMs === null && performance.now() - failedMs < TOLD_SECONDS_MAX * 1e3) await pause(100);
clearInterval(sampling);
clearInterval(watching);
clearTimeout(failing);
stopCanary.abort();
await canary.done;

const beside = measured.acknowledged + canary.acknowledged() + 1;
const counted = await acceptedAtRest(url);
const problems = problemsOf(ledger, beside, counted);
if (toldMs === null) problems.push(`the incident was not told within ${TOLD_SECONDS_MAX} s`);
if (recoveredSeconds > RECOVERED_SECONDS_MAX) problems.push("it did not recover in time");
const third = Math.floor(residents.length / 3);
const [middle, last] = [residents.slice(third, 2 * third), residents.slice(2 * third)];
if (Math.max(...last) > Math.max(...middle) * FLAT_RATIO_MAX) problems.push("memory grew");
if (ledger.cutInAnswer === 0 || ledger.cutInBody === 0) problems.push("nothing was cut");

const { acknowledged, unknown, requests, cutInBody, cutInAnswer, statuses } = ledger;
say(`${clients} clients, ${seconds} s: ${requests} requests, ${cutInBody} cut in the body`);
say(`  ${cutInAnswer} cut before the answer; answers but success: ${JSON.stringify(statuses)}`);
say(`  acknowledged ${acknowledged + beside}, counted ${counted}, unknown ${unknown}`);
say(`  taken ${Math.round(acknowledged / seconds)} records/s; recovered in ${recoveredSeconds} s`);
say(`  memory: ${Math.min(...residents)} to ${Math.max(...residents)} MB, last ${last.at(-1)} MB`);
say(
  `  incident told ${toldMs === null ? "never" : `${(toldMs - failedMs) / 1e3} s`} after it began`,
);
say(`  refused batches: ${await metricSum(url, "tracer_batches_refused_total")}`);
for (const problem of problems) say(`PROBLEM: ${problem}`);
if (problems.length > 0) process.exitCode = 1;
