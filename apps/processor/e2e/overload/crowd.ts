import { Agent, type ClientRequest, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { Dialect } from "./dialects.ts";

export interface CrowdOptions {
  readonly url: string;
  readonly dialects: readonly Dialect[];
  readonly clients: number;
  readonly recordsPerBatch: number;
  /** Of all clients together; null: each sends its next batch when the last was answered. */
  readonly recordsPerSecond: number | null;
  /** Share of requests that are cut: half in the body, half while they wait for the answer. */
  readonly cutShare: number;
  readonly random: () => number;
  readonly stop: AbortSignal;
}

/** What the clients know. `statuses` counts answers other than those that took something. */
export interface CrowdLedger {
  acknowledged: number;
  /** Records of requests that were sent whole and whose answer never came: taken, or not. */
  unknown: number;
  requests: number;
  cutInBody: number;
  cutInAnswer: number;
  /** Connections that broke although nobody cut them. */
  broken: number;
  /** Why, by the code of the error. */
  readonly brokenBy: Record<string, number>;
  readonly statuses: Record<string, number>;
  /** Answers 429 or 503 without `Retry-After`. */
  rudeRefusals: number;
}

/** Requests that one client has out at once; beyond it, it is as late as it is. */
const OUTSTANDING_MAX = 4;

interface Sender {
  readonly options: CrowdOptions;
  readonly ledger: CrowdLedger;
  readonly dialect: Dialect;
  readonly body: Buffer;
  readonly agent: Agent;
}

/** Sends until `stop`, then waits for the last answers. */
export async function sendAsCrowd(options: CrowdOptions): Promise<CrowdLedger> {
  const { dialects, clients, recordsPerBatch, recordsPerSecond, stop } = options;
  const ledger: CrowdLedger = {
    ...{ acknowledged: 0, unknown: 0, requests: 0, cutInBody: 0, cutInAnswer: 0, broken: 0 },
    ...{ brokenBy: {}, statuses: {}, rudeRefusals: 0 },
  };
  const bodies = dialects.map((dialect, at) => dialect.body(`crowd-${at}`, recordsPerBatch));
  const everyMs =
    recordsPerSecond === null ? null : (1e3 * recordsPerBatch * clients) / recordsPerSecond;
  const run = async (client: number) => {
    const at = client % dialects.length;
    const [dialect, body] = [dialects[at], bodies[at]];
    if (dialect === undefined || body === undefined) return;
    const agent = new Agent({ keepAlive: true, maxSockets: OUTSTANDING_MAX });
    const sender = { options, ledger, dialect, body, agent };
    if (everyMs === null) while (!stop.aborted) await sendOne(sender);
    else await sendPaced(sender, everyMs);
    agent.destroy();
  };
  await Promise.all(Array.from({ length: clients }, (_, client) => run(client)));
  return ledger;
}

async function sendPaced(sender: Sender, everyMs: number): Promise<void> {
  const { stop, random } = sender.options;
  const out = new Set<Promise<void>>();
  let dueMs = performance.now() + random() * everyMs;
  while (!stop.aborted) {
    await pause(Math.max(0, dueMs - performance.now()));
    if (out.size >= OUTSTANDING_MAX) await Promise.race(out);
    const sent = sendOne(sender).finally(() => out.delete(sent));
    out.add(sent);
    dueMs = Math.max(dueMs + everyMs, performance.now());
  }
  await Promise.all(out);
}

/** One request, cut or not, and what it says in the ledger. Never rejects. */
function sendOne({ options, ledger, dialect, body, agent }: Sender): Promise<void> {
  const { random, cutShare, recordsPerBatch, url } = options;
  const chance = random();
  const cut = chance >= cutShare ? null : chance < cutShare / 2 ? "body" : "answer";
  ledger.requests += 1;
  return new Promise((resolve) => {
    let written = false;
    let settled = false;
    const settle = (note: () => void) => {
      if (settled) return;
      settled = true;
      note();
      resolve();
    };
    const post = request(`${url}${dialect.path}`, {
      method: "POST",
      agent,
      headers: { ...dialect.headers, "content-length": body.length },
    });
    const lost = (error?: unknown) =>
      settle(() => {
        if (written) ledger.unknown += recordsPerBatch;
        if (cut === "body") ledger.cutInBody += 1;
        else if (cut === "answer") ledger.cutInAnswer += 1;
        else {
          ledger.broken += 1;
          const code = codeOf(error, post.reusedSocket);
          ledger.brokenBy[code] = (ledger.brokenBy[code] ?? 0) + 1;
        }
      });
    post.on("error", lost).on("close", () => lost());
    post.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("error", lost);
      response.on("end", () => {
        const { statusCode = 0, headers } = response;
        settle(() => note(ledger, dialect.taken(statusCode, text, recordsPerBatch), statusCode));
        const isRefusal = statusCode === 429 || statusCode === 503;
        if (isRefusal && headers["retry-after"] === undefined) ledger.rudeRefusals += 1;
      });
    });
    if (cut === "body") return cutInBody(post, body, random);
    written = true; // From here on the server may have had all of it.
    post.end(body);
    if (cut === "answer") post.on("finish", () => setTimeout(() => post.destroy(), random() * 20));
  });
}

function codeOf(error: unknown, reused: boolean): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "closed";
  return reused ? `${code} on a connection used before` : code;
}

function cutInBody(post: ClientRequest, body: Buffer, random: () => number): void {
  post.write(body.subarray(0, Math.floor(random() * body.length)));
  setTimeout(() => post.destroy(), random() * 20);
}

function note(ledger: CrowdLedger, taken: number | null, status: number): void {
  if (taken !== null) ledger.acknowledged += taken;
  else ledger.statuses[status] = (ledger.statuses[status] ?? 0) + 1;
}
