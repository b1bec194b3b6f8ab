import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { Duplex } from "node:stream";
import type { ServerBinaries } from "./embedded-binaries.ts";
import { type Cluster, spawnIn } from "./embedded-cluster.ts";

/** Recovery after a crash replays at most `max_wal_size`: seconds. */
const READY_MS_MAX = 120_000;
/** Each signal is given this long before the next, harder one. */
const STOP_STEP_MS = 5_000;
const LOG_LINES_MAX = 50;

/**
 * The server must not outlive a Tracer that was killed: a small shell beside it reads from a pipe whose
 * other end only Tracer holds, and stops the server when the pipe breaks. A word through the pipe sends
 * the shell away. Forked twice, so that the server does not find a child it does not know.
 */
const WATCHED =
  '( ( read -r _ || kill -INT $$ ) <&3 >/dev/null 2>&1 & ); exec 3<&-; exec "$0" "$@"';

export interface ServerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines of the server's own log. */
  readonly log: readonly string[];
}

export interface RunningServer {
  readonly pid: number;
  /** Settles when the server has ended, asked for or not. Never rejects. */
  readonly exited: Promise<ServerExit>;
  /** Fast shutdown; after 5 s immediate shutdown; after 10 s SIGKILL. Again is harmless. */
  stop(): Promise<void>;
}

/**
 * Starts the server and waits until it takes connections. It gets a session of its own, so that Ctrl-C
 * in a terminal reaches Tracer alone, which stops the server after its last write.
 *
 * @throws Error with the server's last lines when it ends before it is ready.
 */
export async function runServer(
  cluster: Cluster,
  binaries: ServerBinaries,
  settings: Readonly<Record<string, string>>,
): Promise<RunningServer> {
  const { dataFolder, ...spawnOptions } = spawnIn(cluster);
  const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const program = join(binaries.folder, "bin", "postgres");
  const child = spawn("/bin/sh", ["-c", WATCHED, program, "-D", dataFolder, ...args], {
    ...spawnOptions,
    detached: true,
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  const log: string[] = [];
  const exited = exitOf(child, log);
  const server: RunningServer = { pid: child.pid ?? 0, exited, stop: () => stop(child, exited) };
  const ready = Promise.withResolvers<"ready">();
  readLines(child, (line) => {
    log.push(line);
    if (log.length > LOG_LINES_MAX) log.shift();
    if (line.includes("database system is ready to accept connections")) ready.resolve("ready");
  });
  const timer = setTimeout(
    () => ready.reject(new Error("The server took too long.")),
    READY_MS_MAX,
  );
  try {
    const first = await Promise.race([ready.promise, exited]);
    if (first === "ready") return server;
    throw new Error(`The server ended with ${first.code ?? first.signal}:\n${log.join("\n")}`);
  } catch (error) {
    await server.stop();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function exitOf(child: ChildProcess, log: readonly string[]): Promise<ServerExit> {
  const watch = child.stdio[3];
  const dismiss = () => {
    if (watch instanceof Duplex) watch.end("done\n", () => watch.destroy());
  };
  if (watch instanceof Duplex) watch.on("error", () => {}); // The shell is gone before us: fine.
  return new Promise((resolve) => {
    // "close" comes once every pipe is closed, and the shell closes its own when it is dismissed.
    child.once("exit", dismiss);
    child.once("close", (code, signal) => resolve({ code, signal, log }));
    child.once("error", () => {
      dismiss();
      resolve({ code: null, signal: null, log });
    });
  });
}

function readLines(child: ChildProcess, onLine: (line: string) => void): void {
  let rest = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = (lines.pop() ?? "").slice(-4_096);
    for (const line of lines) onLine(line);
  });
}

async function stop(child: ChildProcess, exited: Promise<ServerExit>): Promise<void> {
  for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    child.kill(signal);
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, STOP_STEP_MS);
    await Promise.race([exited, late.promise]);
    clearTimeout(timer);
  }
  await exited;
}
