// 100,000 logs a minute for a minute, posted in batches while an incident fires: latency of POST at the client,
// lag of the event loop in the processor, and whether all that was acknowledged was counted.
//   npx -y pnpm@12.21.0 bench:load
import { Agent, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { startTracerProcess } from "../e2e/tracer-process.ts";
import { seeded, traffic } from "../e2e/traffic.ts";

const PER_MINUTE = 100_000;
const SECONDS = 60;
const REQUESTS_PER_SECOND = 20;
const SERVICES = 10;

const agent = new Agent({ keepAlive: true, maxSockets: 8 });
const latenciesMs: number[] = [];
let acknowledged = 0;

function post(url: string, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now();
    const sent = request(`${url}/logs`, { method: "POST", agent }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => {
        latenciesMs.push(performance.now() - startedMs);
        resolve(Number(/"accepted":(\d+)/.exec(text)?.[1] ?? 0));
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Records of all services in [fromMs, toMs); the first fails at 30 % once `faulty`. */
function records(fromMs: number, toMs: number, faulty: boolean, random: () => number): string {
  const perMinute = PER_MINUTE / SERVICES;
  return Array.from({ length: SERVICES }, (_, index) => {
    const errorShare = faulty && index === 0 ? 0.3 : 0.02;
    return traffic({ service: `svc-${index}`, fromMs, toMs, perMinute, errorShare, random });
  }).join("");
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? Number.NaN);
}

const print = (text: string) => process.stdout.write(`${text}\n`);
await using tracer = await startTracerProcess({ LOG_LEVEL: "info" });
const random = seeded(1);
const nowMs = Date.now();
for (let minute = 10; minute > 0; minute -= 1) {
  const fromMs = nowMs - minute * 60_000;
  for (let part = 0; part < 10; part += 1) {
    const body = records(fromMs + part * 6_000, fromMs + (part + 1) * 6_000, false, random);
    acknowledged += await post(tracer.url, body);
  }
}
latenciesMs.length = 0;
await metric(tracer.url, "tracer_series"); // Starts the lag's window.
let fromMs = Date.now();
const endMs = fromMs + SECONDS * 1_000;
let posted = 0;
while (fromMs < endMs) {
  await pause(1_000 / REQUESTS_PER_SECOND);
  const toMs = Date.now();
  const body = records(fromMs, toMs, true, random);
  const before = acknowledged;
  acknowledged += await post(tracer.url, body);
  posted += acknowledged - before;
  fromMs = toMs;
}
const lagMs = (await metric(tracer.url, 'tracer_eventloop_lag_seconds{quantile="0.99"}')) * 1e3;
const counted = await metric(tracer.url, 'tracer_records_total{protocol="logs",result="accepted"}');
const sorted = latenciesMs.toSorted((left, right) => left - right);
print(`posted ${posted} logs in ${SECONDS} s, ${sorted.length} requests`);
print(
  `POST p50 ${percentile(sorted, 0.5).toFixed(2)} ms, p99 ${percentile(sorted, 0.99).toFixed(2)} ms, max ${sorted.at(-1)?.toFixed(2)} ms (goal p99 < 10 ms)`,
);
print(`event loop lag p99 ${lagMs.toFixed(2)} ms (goal < 20 ms)`);
print(
  `acknowledged ${acknowledged}, counted ${counted}: ${acknowledged === counted ? "nothing lost" : "LOST"}`,
);
print(`alert printed: ${tracer.stdout().includes("error rate spike") ? "yes" : "no"}`);
agent.destroy();
if (acknowledged !== counted) process.exitCode = 1;
