// What a log costs on the whole path of the product (HTTP, key, decode, intern, count, detect, exemplars), in CPU time
// of the server process, against a server of node:http that parses each line and throws it away, and one that throws
// bodies away. Real processes, the same bodies, in turns; ratios of medians. Run: npx -y pnpm@12.21.0 bench:ingest
import { fork } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const RECORDS = 1_000;
const BODIES = Number(process.env["BENCH_BODIES"] ?? 60);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 7);
const WARM_BODIES = Number(process.env["BENCH_WARM"] ?? 300);
const CONNECTIONS = 4;
const KEY = "bench-ingest-key";
const SERVER = fileURLToPath(new URL("ingest-server.ts", import.meta.url));
const NO_WASM = `--import=${new URL("no-wasm.ts", import.meta.url).href}`;

interface Server {
  readonly url: string;
  readonly cpuUs: () => Promise<number>;
}

interface Subject {
  readonly name: string;
  readonly server: Server;
  readonly path: string;
  readonly bodies: (nowMs: number) => readonly Buffer[];
  readonly headers?: Record<string, string>;
}

function pino(at: number, timeMs: number): string {
  return JSON.stringify({
    level: at % 50 === 0 ? 50 : 30,
    time: timeMs,
    pid: 4711,
    hostname: `web-${at % 7}`,
    service: `service-${at % 40}`,
    reqId: `req-${at.toString(36)}`,
    req: { method: "GET", url: `/orders/${at % 1000}?page=2`, remoteAddress: "10.0.0.7" },
    responseTime: (at % 300) + 0.25,
    msg: "request completed for the shop front",
  });
}

/** Bodies of the last two seconds. */
function ndjson(nowMs: number): Buffer[] {
  const total = BODIES * RECORDS;
  return Array.from({ length: BODIES }, (_, body) => {
    const lines = Array.from({ length: RECORDS }, (_, line) => {
      const at = body * RECORDS + line;
      return pino(at, nowMs - 2_000 + Math.floor((at / total) * 2_000));
    });
    return Buffer.from(`${lines.join("\n")}\n`);
  });
}

const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

function post(subject: Subject, body: Buffer): Promise<number> {
  const headers = { authorization: `Bearer ${KEY}`, ...subject.headers };
  return new Promise((resolve, reject) => {
    const url = `${subject.server.url}${subject.path}`;
    const sent = request(url, { method: "POST", agent, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => {
        if (response.statusCode !== 202) reject(new Error(`${response.statusCode} ${text}`));
        else resolve(Number(/"accepted":(\d+)/.exec(text)?.[1] ?? 0));
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Posts bodies over a few connections at once; ns of the server's CPU time a record. */
async function costOf(subject: Subject, bodies: readonly Buffer[]): Promise<number> {
  const before = await subject.server.cpuUs();
  let next = 0;
  let accepted = 0;
  const lanes = Array.from({ length: CONNECTIONS }, async () => {
    for (let body = bodies[next++]; body !== undefined; body = bodies[next++]) {
      const taken = await post(subject, body);
      accepted += taken;
    }
  });
  await Promise.all(lanes);
  if (accepted !== 0 && accepted !== bodies.length * RECORDS) throw new Error(`${accepted} taken`);
  return ((await subject.server.cpuUs()) - before) / ((bodies.length * RECORDS) / 1_000);
}

async function start(mode: "parse" | "discard" | "product", execArgv: readonly string[] = []) {
  const child = fork(SERVER, [mode, KEY], { execArgv: [...execArgv] });
  const told = async (name: string): Promise<number> => {
    const [message]: unknown[] = await once(child, "message");
    if (typeof message !== "object" || message === null) return Number.NaN;
    return Number(Object.entries(message).find(([key]) => key === name)?.[1]);
  };
  return {
    url: `http://127.0.0.1:${await told("port")}`,
    cpuUs: () => {
      child.send("cpu");
      return told("cpuUs");
    },
    [Symbol.asyncDispose]: async () => {
      child.disconnect();
      await once(child, "exit");
    },
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? Number.NaN;
}

const print = (text: string) => process.stdout.write(`${text}\n`);
await using parse = await start("parse");
await using discard = await start("discard");
await using tracer = await start(
  "product",
  (process.env["BENCH_NODE"] ?? "").split(" ").filter(Boolean),
);
await using fallback = await start("product", [NO_WASM]);
const gzipped = (nowMs: number) => ndjson(nowMs).map((body) => gzipSync(body));
const array = (nowMs: number) =>
  ndjson(nowMs).map((body) => Buffer.from(`[${body.toString().trimEnd().replaceAll("\n", ",")}]`));
const gzip = { "content-encoding": "gzip" };
const only = process.env["BENCH_ONLY"]?.split(",");
const all: readonly Subject[] = [
  { name: "parse", server: parse, path: "/", bodies: ndjson },
  { name: "discard", server: discard, path: "/", bodies: ndjson },
  { name: "ndjson", server: tracer, path: "/logs", bodies: ndjson },
  { name: "array", server: tracer, path: "/logs", bodies: array },
  { name: "gzip", server: tracer, path: "/logs", bodies: gzipped, headers: gzip },
  { name: "fallback", server: fallback, path: "/logs", bodies: ndjson },
];
const subjects = all.filter(({ name }) => only === undefined || only.includes(name));
const costs = new Map<string, number[]>();
for (const subject of subjects) {
  costs.set(subject.name, []);
  for (let sent = 0; sent < WARM_BODIES; sent += BODIES)
    await costOf(subject, subject.bodies(Date.now()));
}
for (let round = 0; round < ROUNDS; round += 1) {
  for (const subject of subjects) {
    costs.get(subject.name)?.push(await costOf(subject, subject.bodies(Date.now())));
  }
}
agent.destroy();
const costOfName = (name: string) => median(costs.get(name) ?? []);
const goals: readonly (readonly [string, string, number])[] = [
  ["ndjson", "parse", 2.5],
  ["ndjson", "discard", 0.25],
  ["array", "parse", 0.9],
  ["gzip", "parse", 1],
  ["fallback", "parse", 1.2],
];
for (const { name } of subjects) {
  const least = Math.min(...(costs.get(name) ?? []));
  const typical = costOfName(name).toFixed(0);
  print(`${name.padEnd(9)} ${typical} CPU ns a log (least ${least.toFixed(0)})`);
}
for (const [name, against, least] of goals) {
  const ratio = costOfName(against) / costOfName(name);
  print(`${name} is ${ratio.toFixed(2)} × ${against} (at least ${least})`);
  if (!(ratio >= least)) process.exitCode = 1;
}
