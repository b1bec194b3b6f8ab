#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { Command, CommanderError } from "commander";
import type { CommandContext } from "./commands/context.ts";
import { Exit } from "./exit.ts";

const NODE_MINIMUM = [24, 12] as const;
/** From the first signal to the end, whatever hangs. */
const STOP_DEADLINE_MS = 10_000;
const RULES_HELP =
  "for logs, what decides: evidence (the default), z_score, ewma, rate_of_change, median_mad; several with commas";

type Run = (context: CommandContext, args: Record<string, unknown>) => Promise<Exit>;

interface RunOptions {
  /** A service goes on when nobody reads what it prints; everything else ends then. */
  readonly outlivesOutput?: boolean;
  /** It has to undo what it made, and may take its time; a second signal still ends it at once. */
  readonly cleansUp?: boolean;
}

type RunLoaded = (
  load: () => Promise<Run>,
  args: Record<string, unknown>,
  options?: RunOptions,
) => Promise<void>;

/** Commands are imported when they are used, so that none pays for another. */
function program(run: RunLoaded) {
  const tracer = new Command("tracer")
    .description(
      "Watches your logs and tells you, once and with the reason, that something is wrong.",
    )
    .version(version(), "-V, --version")
    .showHelpAfterError("Try: tracer --help")
    .exitOverride();
  tracer
    .command("start")
    .description("run the service")
    .action((args) =>
      run(async () => (await import("./commands/start.ts")).start, args, { outlivesOutput: true }),
    );
  tracer
    .command("demo")
    .description("watch an incident from the first error to the resolved alert; needs no set-up")
    .option("--exit", "end after the incident is resolved instead of keeping the page up")
    .action((args) => run(async () => (await import("./commands/demo.ts")).demo, args));
  pastCommands(tracer, run);
  tracer
    .command("check-config")
    .description("say what the environment means, or everything that is wrong with it")
    .action((args) =>
      run(async () => (await import("./commands/check-config.ts")).checkConfig, args),
    );
  tracer
    .command("send-test")
    .argument("[channel]", "only this one, such as slack")
    .description("send a marked test through the configured channels, and resolve it")
    .action((channel) =>
      run(async () => (await import("./commands/send-test.ts")).sendTest, { channel }),
    );
  tracer
    .command("why-not")
    .description("ask the running Tracer why nothing fired for a service at a time")
    .requiredOption("--service <name>", "whose records they are")
    .requiredOption("--at <time>", "ISO 8601, epoch, 14:05, '10 min ago' or now")
    .option("--environment <name>", "where it runs; without it, records that name none")
    .option("--kind <kind>", "only this kind, such as error")
    .option("--json", "the answer as JSON on stdout")
    .action((args) => run(async () => (await import("./commands/why-not.ts")).whyNot, args));
  incidentCommands(tracer, run);
  silenceCommands(tracer, run);
  keyCommands(tracer, run);
  tracer
    .command("migrate")
    .description("bring the database's schema up to date")
    .option("--dry-run", "print the SQL that would be run, and run nothing")
    .action((args) => run(async () => (await import("./commands/migrate.ts")).migrate, args));
  modelCommands(tracer, run);
  tortureCommand(tracer, run);
  return tracer;
}

/** Those for models, and for people who ask one. */
function modelCommands(tracer: Command, run: RunLoaded): void {
  tracer
    .command("mcp")
    .description("serve the running Tracer to an agent: MCP on stdin and stdout, reading only")
    .option("--allow-writes", "offer acknowledging and silencing, too")
    .option("--files <folder>", "past logs may be read from below it; the current one unless given")
    .action((args) => run(async () => (await import("./commands/mcp.ts")).mcp, args));
  tracer
    .command("ask")
    .argument("<question...>", "in any words")
    .description("ask a model that may look into the running Tracer and your connected tools")
    .option("--allow-writes", "let it use tools of yours that change or send something, too")
    .option("--json", "the answer and what was looked at as JSON on stdout")
    .action((words, options) =>
      run(async () => (await import("./commands/ask.ts")).ask, { ...options, words }),
    );
}

/** Harm on purpose. */
function tortureCommand(tracer: Command, run: RunLoaded): void {
  tracer
    .command("torture")
    .description("crash, stop and race real processes on a real database, and compare the books")
    .option(
      "--database-url <url>",
      "your own Postgres: a scratch database or schema, dropped again",
    )
    .option("--for <time>", "shared out over the rows, such as 2m; without it, the full sizes")
    .option("--row <name...>", "only these rows of the fault matrix")
    .option("--parallel <rows>", "rows at once; as many as there are processors unless given")
    .option("--seed <number>", "repeats a run's random choices")
    .option("--resume", "go on with what an interrupted run has left")
    .option("--state <file>", "where that is written down; .tracer-torture.json unless given")
    .option("--json", "the result as JSON on stdout")
    .option("--report <file>", "the result as Markdown, too")
    .action((args) =>
      run(async () => (await import("./commands/torture.ts")).torture, args, { cleansUp: true }),
    );
}

const JSON_HELP = "the answer as JSON on stdout";

/** Those that ask the running Tracer about incidents, or change them. */
function incidentCommands(tracer: Command, run: RunLoaded): void {
  const load = () => import("./commands/incidents.ts");
  const incidents = tracer
    .command("incidents")
    .description("list, show, acknowledge or resolve incidents of the running Tracer");
  incidents
    .command("list")
    .description("newest first")
    .option("--state <state>", "only open or resolved ones")
    .option("--service <name>", "only of this service")
    .option("--limit <n>", "at most so many, 1 to 200; 50 unless given")
    .option("--cursor <cursor>", "go on after the page that gave it out")
    .option("--json", JSON_HELP)
    .action((args) => run(async () => (await load()).listIncidents, args));
  incidents
    .command("show")
    .argument("<id>", "such as inc_3f…-1")
    .description("all that is known of one")
    .option("--json", JSON_HELP)
    .action((id, args) => run(async () => (await load()).showIncident, { ...args, id }));
  incidents
    .command("ack")
    .argument("<id>")
    .description("say that somebody has taken it on: no more reminders")
    .option("--json", JSON_HELP)
    .action((id, args) => run(async () => (await load()).ackIncident, { ...args, id }));
  incidents
    .command("resolve")
    .argument("<id>")
    .description("end it by hand; what goes on is not announced again, a new onset is")
    .option("--json", JSON_HELP)
    .action((id, args) => run(async () => (await load()).resolveIncident, { ...args, id }));
}

/** Those that keep what is expected from being told. */
function silenceCommands(tracer: Command, run: RunLoaded): void {
  const load = () => import("./commands/silence.ts");
  const silence = tracer
    .command("silence")
    .description("keep what is expected from being told, until a time and for a reason");
  silence
    .command("add")
    .description("begin one; all matchers that are given must match")
    .option("--service <pattern>", "its name; * stands for anything")
    .option("--kind <kind>", "such as error")
    .option("--severity <severity>", "info, warning, error or critical")
    .option("--template <pattern>", "text of a kind of message; * stands for anything")
    .option("--for <duration>", "such as 90s, 30m, 2h or 1d12h, at most 366d")
    .option("--until <time>", "instead: ISO 8601")
    .option("--reason <text>", "why; shown in the list")
    .option("--json", JSON_HELP)
    .action((args) => run(async () => (await load()).addSilence, args));
  silence
    .command("list")
    .description("those in force")
    .option("--state <state>", "pending, active (unless given), expired or all")
    .option("--json", JSON_HELP)
    .action((args) => run(async () => (await load()).listSilences, args));
  silence
    .command("expire")
    .argument("<id>")
    .description("end one now")
    .option("--json", JSON_HELP)
    .action((id, args) => run(async () => (await load()).expireSilence, { ...args, id }));
}

/** Those that say who may do what. */
function keyCommands(tracer: Command, run: RunLoaded): void {
  const load = () => import("./commands/keys.ts");
  const keys = tracer
    .command("keys")
    .description("make, list and revoke keys: with DATABASE_URL straight in the database");
  keys
    .command("create")
    .description("make a key and print it, this once")
    .option("--project <name>", "whose data it is for; one that is new is made")
    .option(
      "--scope <list>",
      "of ingest, read, operate, admin, with commas; ingest unless given, of the first key admin",
    )
    .option("--label <text>", "who it is for; shown in lists and in the record of acts")
    .option("--service <name>", "every record that it sends counts as this service's")
    .option("--expires <duration>", "such as 90d or 12h; without it, never")
    .option("--json", JSON_HELP)
    .action((args) => run(async () => (await load()).createKey, args));
  keys
    .command("list")
    .description("all there are; never what they are in full")
    .option("--project <name>", "only of this project")
    .option("--json", JSON_HELP)
    .action((args) => run(async () => (await load()).listKeys, args));
  keys
    .command("revoke")
    .argument("<id>")
    .description("end one now")
    .option("--json", JSON_HELP)
    .action((id, args) => run(async () => (await load()).revokeKey, { ...args, id }));
}

/** Those that read the past instead of serving. */
function pastCommands(tracer: Command, run: RunLoaded): void {
  tracer
    .command("detect")
    .description("NDJSON log records on stdin, NDJSON decisions on stdout, in event time")
    .option("--counts", "a record stands for its `count`")
    .option("--rules <list>", RULES_HELP)
    .action((args) => run(async () => (await import("./commands/detect.ts")).detect, args));
  tracer
    .command("score")
    .description("CSV `timestamp,value` on stdin, one anomaly score from 0 to 1 a row on stdout")
    .action((args) => run(async () => (await import("./commands/score.ts")).score, args));
  tracer
    .command("backtest")
    .description("the same detector over past logs: what it would have said, and why not more")
    .argument(
      "<files...>",
      "logs in any form that POST /logs takes, or CSV of numbers (timestamp,value…), plain, gzip or zstd; - for stdin",
    )
    .option("--json", "the report as JSON on stdout")
    .option("--html <file>", "the report with charts, as one file")
    .option("--rules <list>", RULES_HELP)
    .option(
      "--threshold <score>",
      "CSV: the score that alerts, above 0 and below 1; 0.5 unless given",
    )
    .option("--fail-on <condition...>", "exit 3 when it holds, such as 'alerts>0'")
    .action((files, options) =>
      run(async () => (await import("./commands/backtest.ts")).backtest, { ...options, files }),
    );
}

function version(): string {
  const path = new URL("../package.json", import.meta.url);
  const parsed: unknown = JSON.parse(readFileSync(path, "utf8"));
  const known = typeof parsed === "object" && parsed !== null && "version" in parsed;
  return known ? String(parsed.version) : "unknown";
}

function context(stop: AbortSignal): CommandContext {
  const { env: environment, stdin, stdout, stderr } = process;
  const color = (stream: { isTTY?: boolean }) =>
    stream.isTTY === true && (environment["NO_COLOR"] ?? "") === "";
  const onReload = (listener: () => void) => {
    if (stderr.isTTY !== true) process.on("SIGHUP", listener);
  };
  return { environment, version: version(), stdin, stdout, stderr, stop, onReload, color };
}

/** The first signal asks the command to stop, the second ends the process at once, and so does a deadline. */
function stopOnSignals({ cleansUp = false }: RunOptions): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(Exit.failed);
      stop.abort(name);
      if (!cleansUp) setTimeout(() => process.exit(Exit.failed), STOP_DEADLINE_MS).unref();
    });
  }
  return stop.signal;
}

/** Aborts when whoever read our output has gone, as in `tracer demo | head`. */
function stopOnClosedOutput(): AbortSignal {
  const closed = new AbortController();
  const end = () => closed.abort("output closed");
  process.stdout.on("error", end);
  process.stderr.on("error", end);
  return closed.signal;
}

function requireNode(): void {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [needMajor, needMinor] = NODE_MINIMUM;
  if (major > needMajor || (major === needMajor && minor >= needMinor)) return;
  process.stderr.write(
    `Tracer needs Node ${NODE_MINIMUM.join(".")} or later, and this is ${process.versions.node}.\n` +
      "Inside the checkout `npx -y pnpm@12.21.0 start` brings its own.\n",
  );
  process.exit(Exit.unavailable);
}

async function main(): Promise<void> {
  requireNode();
  enableCompileCache();
  const { exitOf } = await import("./exit.ts");
  const { TracerError } = await import("@tracer/core");
  try {
    const commands = program(async (load, args, options = {}) => {
      const { outlivesOutput = false } = options;
      const signals = stopOnSignals(options);
      const closed = stopOnClosedOutput();
      const stop = outlivesOutput ? signals : AbortSignal.any([signals, closed]);
      process.exitCode = await (await load())(context(stop), args);
    });
    await commands.parseAsync(process.argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? Exit.ok : Exit.usage;
    } else if (error instanceof TracerError) {
      process.stderr.write(`${error.code}: ${error.message}\n`);
      process.exitCode = exitOf(error.code);
    } else {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      process.exitCode = Exit.failed;
    }
  }
  // Whatever is still open (a keep-alive socket, a timer) must not keep a finished command alive.
  process.exit();
}

await main();
