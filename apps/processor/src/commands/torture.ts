import { randomInt } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { formatDuration, formatNumber, systemClock, TracerError } from "@tracer/core";
import { embeddedPlace, givenPlace, type Place } from "../../torture/places.ts";
import { markdownOf, tableOf } from "../../torture/report.ts";
import { ROWS } from "../../torture/rows/index.ts";
import { type Progress, readState, runTorture } from "../../torture/run.ts";
import { FULL_TIMES } from "../../torture/run-row.ts";
import { Exit } from "../exit.ts";
import type { CommandContext } from "./context.ts";

interface TortureArgs {
  readonly databaseUrl?: string;
  readonly for?: string;
  readonly row?: readonly string[];
  readonly seed?: string;
  readonly parallel?: string;
  readonly json?: boolean;
  readonly report?: string;
  readonly resume?: boolean;
  readonly state?: string;
}

const STATE_FILE = ".tracer-torture.json";
const LINE_MS = 5_000;
const ETA_SHARE_MIN = 0.02;
const SEED_MAX = 1_000_000;

/** Real processes and a real database under real faults; three books are compared at the end of each row. */
export async function torture(context: CommandContext, args: TortureArgs): Promise<Exit> {
  const { stdout, stderr, stop } = context;
  const usage = wrongUsage(args);
  if (usage !== null) {
    stderr.write(`${usage}\n`);
    return Exit.usage;
  }
  const stateFile = args.state ?? STATE_FILE;
  const state = args.resume === true ? await readState(stateFile) : null;
  const seed = Number(args.seed ?? state?.seed ?? randomInt(SEED_MAX));
  const rows = args.row === undefined ? ROWS : ROWS.filter(({ name }) => args.row?.includes(name));
  // What was given on the command line is there for everybody to read, a password in it, too.
  if (args.databaseUrl !== undefined) process.title = "tracer torture";
  const startedMs = systemClock.monotonicMs();
  await using place: Place =
    args.databaseUrl === undefined ? await embeddedPlace() : await givenPlace(args.databaseUrl);
  stderr.write(`${rows.length} rows on ${place.what}, seed ${seed}\n`);
  const sayStop = () =>
    stderr.write(
      "Stopping; what is under way is finished, compared and cleared away first. A second Ctrl-C ends at once, and " +
        "leaves the scratch databases (tracer_torture_…).\n",
    );
  stop.addEventListener("abort", sayStop, { once: true });
  const results = await runTorture({
    ...{ rows, place, times: FULL_TIMES, seed, stateFile, stop },
    forSeconds: args.for === undefined ? null : secondsOf(args.for),
    parallel: Number(args.parallel ?? Math.max(2, availableParallelism())),
    earlier: new Map(state?.rows.map((result) => [result.name, result])),
    onProgress: progressTo(stderr),
  });
  const seconds = (systemClock.monotonicMs() - startedMs) / 1e3;
  const report = { rows, results, place: place.what, seed, seconds };
  stdout.write(
    args.json === true
      ? `${JSON.stringify({ seed, seconds, rows: results }, null, 2)}\n`
      : tableOf(report),
  );
  if (args.report !== undefined) await writeReport(args.report, markdownOf(report));
  if (stop.aborted) stderr.write("Stopped; --resume goes on.\n");
  const ok =
    !stop.aborted && results.length === rows.length && results.every((result) => result.ok);
  return ok ? Exit.ok : Exit.failed;
}

/** What is wrong with the arguments, or null. */
function wrongUsage({
  row = [],
  for: time,
  seed = "0",
  parallel = "1",
}: TortureArgs): string | null {
  const known = ROWS.map(({ name }) => name);
  const unknown = row.find((name) => !known.includes(name));
  if (unknown !== undefined) return `--row '${unknown}' is none of: ${known.join(", ")}.`;
  if (time !== undefined && secondsOf(time) === null) {
    return `--for '${time}' is not a time such as 90s, 2m or 1h.`;
  }
  if (!/^\d{1,9}$/.test(seed)) return `--seed '${seed}' is not a whole number.`;
  return /^[1-9]\d?$/.test(parallel) ? null : `--parallel '${parallel}' is not between 1 and 99.`;
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };

/** 90s, 2m or 1h in seconds; null when it is none. */
function secondsOf(time: string): number | null {
  const match = /^([1-9]\d{0,4})(s|m|h)$/.exec(time);
  return match === null ? null : Number(match[1]) * (SECONDS[match[2] ?? ""] ?? 0);
}

/** A line for each row that is under way, every few seconds, and one when it has ended. */
function progressTo(stderr: CommandContext["stderr"]): (progress: Progress) => void {
  const shownMs = new Map<string, number>();
  return (progress) => {
    const { row, done, seconds, result } = progress;
    const nowMs = systemClock.monotonicMs();
    if (result === null && nowMs - (shownMs.get(row.name) ?? -LINE_MS) < LINE_MS) return;
    shownMs.set(row.name, nowMs);
    const size = `${formatNumber(done)} of ${formatNumber(row.fullSize)} ${row.unit}`;
    const left = leftSeconds(progress);
    const eta = left === null ? "" : `, ${formatDuration(left)} left`;
    const end = result === null ? "" : result.ok ? ": ok" : ": FAILED";
    stderr.write(`${row.name}: ${size}, ${formatDuration(seconds)}${eta}${end}\n`);
  };
}

/** Until it has its size or its time is up; then what is under way is finished. Null: not known. */
function leftSeconds({ row, done, seconds, shareSeconds, result }: Progress): number | null {
  if (result !== null) return null;
  const share = done / row.fullSize;
  const untilDone = share >= ETA_SHARE_MIN ? (seconds / share) * (1 - share) : null;
  if (shareSeconds === null) return untilDone;
  return Math.max(0, Math.min(untilDone ?? Number.POSITIVE_INFINITY, shareSeconds - seconds));
}

async function writeReport(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TracerError("INPUT_INVALID", `--report ${path}: ${reason}`, { cause: error });
  }
}
