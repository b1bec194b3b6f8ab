import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Command, WorkerSetup } from "./protocol.ts";
import { Report } from "./protocol.ts";

/** Workers are started by the hundred: half of what a start costs is compiling. */
const COMPILE_CACHE = join(tmpdir(), "tracer-torture-compiled");
const WORKER = join(import.meta.dirname, "worker.ts");
/** A machine that is busy with eight of them is slow to start one. */
const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 15_000;

type Order = Command extends infer Each ? (Each extends Command ? Omit<Each, "id"> : never) : never;

/** A worker process as its driver sees it. */
export interface WorkerProcess extends AsyncDisposable {
  readonly processorId: string;
  /** Settles with the signal or exit code when it has ended, however. Never rejects. */
  readonly ended: Promise<string>;
  readonly alive: () => boolean;
  /** Tells it what to do; in how many ms it took the order, or null: it ended before. */
  readonly tell: (order: Order) => Promise<number | null>;
  /** What it has in memory; 0 when it has ended, or where that cannot be read. */
  readonly rssBytes: () => Promise<number>;
  readonly signal: (signal: "SIGKILL" | "SIGSTOP" | "SIGCONT") => void;
}

export interface WorkerProcessOptions {
  readonly setup: WorkerSetup;
  readonly onReport: (report: Report, processorId: string) => void;
}

/** Starts a worker and waits until it is ready. A worker that dies before that is one that has ended. */
export async function startWorker(options: WorkerProcessOptions): Promise<WorkerProcess> {
  const { setup, onReport } = options;
  const { processorId } = setup;
  const child = spawn(process.execPath, [WORKER], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true, // Ctrl-C is for the driver, which then stops them.
    env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE },
  });
  child.stdin.on("error", () => {}); // It was killed while we spoke.
  // Not among its arguments: those everybody may read, and the database's password is in it.
  child.stdin.write(`${JSON.stringify(setup)}\n`);
  const ended = once(child, "exit").then(([code, signal]) => String(signal ?? code));
  const drained = once(child, "close");
  const taken = new Map<number, () => void>();
  const ready = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    const report = reportOf(line);
    if (report === null) return;
    if (report.said === "ready") ready.resolve();
    else if (report.said === "taken") taken.get(report.id)?.();
    else onReport(report, processorId);
  });
  await within(Promise.race([ready.promise, ended]), READY_MS_MAX, () => child.kill("SIGKILL"));
  let orders = 0;
  return {
    processorId,
    ended: drained.then(() => ended),
    alive: () => isAlive(child),
    tell: async (order) => {
      orders += 1;
      const id = orders;
      const startedMs = performance.now();
      const answered = new Promise<true>((resolve) => taken.set(id, () => resolve(true)));
      child.stdin.write(`${JSON.stringify({ ...order, id })}\n`);
      const answer = await Promise.race([answered, ended]);
      taken.delete(id);
      return answer === true ? performance.now() - startedMs : null;
    },
    rssBytes: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, "utf8").catch(() => "");
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024;
    },
    signal: (signal) => void child.kill(signal),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGCONT"); // It may be stopped, and then could not stop.
      child.stdin.end();
      await within(drained, STOP_MS_MAX, () => child.kill("SIGKILL"));
    },
  };
}

/** A line that was cut by a kill says nothing. */
function reportOf(line: string): Report | null {
  try {
    return Report.parse(JSON.parse(line));
  } catch {
    return null;
  }
}

function isAlive(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

async function within(done: Promise<unknown>, ms: number, otherwise: () => void): Promise<void> {
  const timer = setTimeout(otherwise, ms);
  await done;
  clearTimeout(timer);
}
