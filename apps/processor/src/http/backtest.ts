import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { TracerError } from "@tracer/core";
import type { FastifyPluginAsync } from "fastify";
import type { RouteDoc } from "./openapi/route-doc.ts";

export interface BacktestRoutesOptions {
  /** Of a body as it comes. Default: BACKTEST_BYTES_MAX. */
  readonly bytesMax?: number;
}

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
/** A file of logs, compressed or not. */
export const BACKTEST_BYTES_MAX = 100 * 1024 * 1024;
const REPORT_BYTES_MAX = 32 * 1024 * 1024;
const RUN_MS_MAX = 300_000;
const SAID_CHARS_MAX = 2_000;

const DOC: RouteDoc = {
  tag: "operate",
  summary:
    "What would have been told of past logs or of a metric CSV; as `tracer backtest --json`.",
  body: { type: "*/*", description: "The file, plain or compressed; at most 100 MiB." },
  answers: { 200: { type: "application/json", description: "The report." } },
};

/**
 * Past logs, or a metric CSV, through the same detector: what it would have told, as `tracer backtest --json` prints it.
 * In a process of its own, one at a time, so that what is live goes on. Nothing of it is kept.
 */
export const backtestRoutes: FastifyPluginAsync<BacktestRoutesOptions> = async (
  app,
  { bytesMax = BACKTEST_BYTES_MAX },
) => {
  let running: ChildProcess | null = null;
  app.addHook("onClose", async () => {
    running?.kill("SIGKILL");
  });
  // Whatever a browser calls the file: it is read as it comes.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _body, done) => done(null));

  app.post(
    "/api/v1/backtest",
    { config: { scope: "operate", doc: DOC } },
    async (request, reply) => {
      if (running !== null) {
        reply.header("connection", "close"); // Its body is not read.
        throw new TracerError("BACKTEST_BUSY", "A backtest is running; one at a time.");
      }
      const child = spawn(process.execPath, [MAIN, "backtest", "--json", "-"], {
        timeout: RUN_MS_MAX,
        killSignal: "SIGKILL",
      });
      running = child;
      request.raw.once("close", () => {
        if (!request.raw.complete) child.kill("SIGKILL"); // Whoever asked has gone.
      });
      try {
        return await reportOf(child, request.raw, bytesMax);
      } catch (error) {
        reply.header("connection", "close");
        throw error;
      } finally {
        child.kill("SIGKILL");
        running = null;
      }
    },
  );
};

async function reportOf(
  child: ReturnType<typeof spawn>,
  body: IncomingMessage,
  bytesMax: number,
): Promise<unknown> {
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new Error("no pipes");
  const closed = once(child, "close");
  let said = "";
  stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-SAID_CHARS_MAX);
  });
  const report: Buffer[] = [];
  let reportBytes = 0;
  stdout.on("data", (chunk: Buffer) => {
    reportBytes += chunk.length;
    if (reportBytes > REPORT_BYTES_MAX) child.kill("SIGKILL");
    else report.push(chunk);
  });
  // A child that reads no further has said why on its way out.
  await pipeline(body, bounded(bytesMax), stdin).catch((error: unknown) => {
    if (error instanceof TracerError) throw error;
  });
  await closed;
  if (child.exitCode === 0) return JSON.parse(Buffer.concat(report).toString("utf8"));
  const reason = said.trim().split("\n").at(-1) ?? "";
  throw new TracerError("INPUT_INVALID", reason === "" ? "The backtest was ended." : reason);
}

function bounded(bytesMax: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes <= bytesMax) return done(null, chunk);
      const text = `A backtest over HTTP takes at most ${bytesMax} bytes; use tracer backtest.`;
      return done(new TracerError("BODY_TOO_LARGE", text));
    },
  });
}
