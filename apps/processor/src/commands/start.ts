import { setTimeout as pause } from "node:timers/promises";
import { systemClock, TracerError } from "@tracer/core";
import type { NewKeys } from "@tracer/store";
import { pino } from "pino";
import pretty from "pino-pretty";
import { type Config, readConfig } from "../config.ts";
import { Exit } from "../exit.ts";
import { createObserve } from "../observe.ts";
import { STOP_MS, StopClock } from "../stopping.ts";
import { startTracer, type Tracer } from "../tracer.ts";
import type { CommandContext } from "./context.ts";

/** Runs the service until `stop` aborts. Alerts of the `console` channel go to stdout, logs to stderr. */
export async function start(context: CommandContext): Promise<Exit> {
  const { environment, stdout, stderr, stop, version } = context;
  const config = readConfig(environment);
  const observe = createObserve(config.logLevel, logDestination(context));
  const color = context.color(stdout);
  // Settles when the text is out: an alert counts as sent only then.
  const print = (text: string) =>
    new Promise<void>((resolve, reject) => {
      stdout.write(text, (error) => (error ? reject(error) : resolve()));
    });
  if (config.databaseUrl === null) {
    stderr.write("Starting the embedded database …\n");
  }
  const stopping = new StopClock(systemClock.monotonicMs, observe);
  stop.addEventListener("abort", () => stopping.begin(), { once: true });
  const starting = startTracer({
    ...{ config, version, observe, print, color, stop, stopping },
    showKeys: (keys) => stderr.write(keysText(keys)),
  });
  const tracer = await startedOrStopped(starting, stop);
  if (tracer === null) {
    observe({ name: "stopping", signal: String(stop.reason) });
    return Exit.ok;
  }
  stdout.write(`Tracer is listening on ${tracer.url}\n`);
  if (stderr.isTTY === true) stderr.write(firstSteps(tracer.url, config));
  const { url, processorId } = tracer;
  const database = config.databaseUrl === null ? "embedded" : "postgres";
  observe({ name: "ready", url, database, processorId });
  context.onReload(() => {
    try {
      tracer.reload(readConfig(environment));
      observe({ name: "settings_reloaded" });
    } catch (error) {
      if (!(error instanceof TracerError)) throw error;
      observe({ name: "settings_refused", problems: error.message });
    }
  });
  const ended = await Promise.race([stopped(stop), tracer.failed]);
  if (ended instanceof Error) stderr.write(`${ended.message}\n`);
  else observe({ name: "stopping", signal: String(stop.reason) });
  await stopping.within("exit", Promise.resolve(tracer[Symbol.asyncDispose]()));
  return ended instanceof Error ? Exit.unavailable : Exit.ok;
}

/** Null: it was asked to stop before it had started. Then it is undone as far as there is time for it. */
async function startedOrStopped(
  starting: Promise<Tracer>,
  stop: AbortSignal,
): Promise<Tracer | null> {
  try {
    const hangs = stopped(stop).then(() => pause(STOP_MS.exit, null, { ref: false }));
    return await Promise.race([starting, hangs]);
  } catch (error) {
    if (stop.aborted) return null; // Whatever else is wrong: nobody wants it any more.
    throw error;
  }
}

function keysText({ ingest, admin }: NewKeys): string {
  return [
    "",
    "Tracer listens beyond this machine and had no keys, so it made two. They are shown this once:",
    `  ingest  ${ingest}   for whoever sends logs`,
    `  admin   ${admin}   for you: the page, the API`,
    "Send them as  Authorization: Bearer <key>",
    "",
    "",
  ].join("\n");
}

/** What somebody who sees this for the first time does next. */
function firstSteps(url: string, { channels }: Config): string {
  const channel =
    channels.length > 0
      ? ""
      : "  No channel is set, so alerts are printed here. README.md says how they get to Slack or PagerDuty.\n";
  return (
    "\n  Open that page, then send it something:\n" +
    `    curl ${url}/logs -d '{"level":"error","service":"checkout","message":"hello Tracer"}'\n` +
    `${channel}  Ctrl-C stops it.\n\n`
  );
}

/** JSON lines, or something that people can read when stderr is a terminal. */
function logDestination({ stderr, color }: CommandContext) {
  if (!stderr.isTTY) return pino.destination({ fd: 2, sync: true });
  return pretty({
    destination: 2,
    sync: true,
    colorize: color(stderr),
    ignore: "name",
    singleLine: true,
    translateTime: "SYS:HH:MM:ss",
  });
}

function stopped(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(null);
    signal.addEventListener("abort", () => resolve(null), { once: true });
  });
}
