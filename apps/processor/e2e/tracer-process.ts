import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const READY_MS = 45_000;

export interface TracerProcess extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  readonly dataDir: string;
  /** What it printed so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Sends a signal and waits for the end; the exit code, or the signal's name. */
  readonly stop: (signal: "SIGTERM" | "SIGKILL" | "SIGINT") => Promise<number | string>;
}

export interface Outcome {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** An empty folder that goes away with the test. */
export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "tracer-e2e-"));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }),
  };
}

function spawnTracer(args: readonly string[], environment: Record<string, string>, cwd: string) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd,
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], PORT: "0", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  return { child, output };
}

async function ended(child: ChildProcess): Promise<number | string> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return child.exitCode ?? child.signalCode ?? "unknown";
}

export interface OutputOptions {
  /** Stops reading stdout after its first line, as `head -1` does. */
  readonly closeOutput?: boolean;
}

/** Runs `tracer <args>` to its end. */
export async function runTracer(
  args: readonly string[],
  environment: Record<string, string> = {},
  { closeOutput = false }: OutputOptions = {},
): Promise<Outcome> {
  await using folder = await temporaryFolder();
  const { child, output } = spawnTracer(args, environment, folder.path);
  if (closeOutput) child.stdout.once("data", () => child.stdout.destroy());
  const code = await ended(child);
  return { code, ...output };
}

/** Starts `tracer start` as a process of its own, on a free port, and waits for its ready line. */
export async function startTracerProcess(
  environment: Record<string, string> = {},
  { closeOutput = false }: OutputOptions = {},
): Promise<TracerProcess> {
  const folder = await temporaryFolder();
  const dataDir = environment["DATA_DIR"] ?? join(folder.path, "data");
  const { child, output } = spawnTracer(
    ["start"],
    { DATA_DIR: dataDir, LOG_LEVEL: "debug", ...environment },
    folder.path,
  );
  const url = await readyUrl(child, output);
  if (closeOutput) child.stdout.destroy();
  const stop = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    return ended(child);
  };
  return {
    url,
    pid: child.pid ?? 0,
    dataDir,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop("SIGTERM");
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Where a process that was started with SYSLOG_PORT receives syslog. */
export function syslogPortOf(tracer: TracerProcess): number {
  const port = /"port":(\d+),"msg":"Syslog is received/.exec(tracer.stderr())?.[1];
  if (port === undefined) throw new Error(`No syslog port in its log: ${tracer.stderr()}`);
  return Number(port);
}

function readyUrl(child: ChildProcess, output: { stdout: string; stderr: string }) {
  return new Promise<string>((resolve, reject) => {
    const fail = (why: string) =>
      reject(new Error(`${why}\nstdout: ${output.stdout}\nstderr: ${output.stderr}`));
    const timer = setTimeout(() => fail("Tracer did not get ready."), READY_MS);
    const look = () => {
      const url = /^Tracer is listening on (http:\S+)$/m.exec(output.stdout)?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    };
    child.stdout?.on("data", look);
    child.once("exit", (code) => {
      clearTimeout(timer);
      fail(`Tracer ended with ${code} before it was ready.`);
    });
  });
}
