import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { systemClock, TracerError } from "@tracer/core";
import { Collector } from "../backtest/collector.ts";
import {
  FAIL_ON_FIGURES,
  type FailOnCondition,
  type FailOnFigure,
  holds,
  parseFailOn,
} from "../backtest/fail-on.ts";
import { htmlReport } from "../backtest/html.ts";
import { findInput } from "../backtest/input.ts";
import { Progress } from "../backtest/progress.ts";
import { Reading } from "../backtest/reading.ts";
import { type BacktestReport, reportOf } from "../backtest/report.ts";
import { textReport } from "../backtest/text.ts";
import { readConfig } from "../config.ts";
import { Exit } from "../exit.ts";
import type { CommandContext } from "./context.ts";

export interface BacktestArgs {
  readonly files?: readonly string[];
  readonly json?: boolean;
  readonly html?: string;
  readonly failOn?: readonly string[];
}

/** The detector that runs live over past logs, in event time alone: the same input gives the same report. */
export async function backtest(context: CommandContext, args: BacktestArgs): Promise<Exit> {
  const { environment, stdout, stderr, stdin, color, stop } = context;
  const { files = [], failOn = [], json = false } = args;
  const wrong = failOn.find((text) => parseFailOn(text) === null);
  if (wrong !== undefined) {
    stderr.write(
      `--fail-on '${wrong}' is not a condition such as 'alerts>0'. ` +
        `Figures: ${FAIL_ON_FIGURES.join(", ")}; operators: > >= < <= =.\n`,
    );
    return Exit.usage;
  }
  if (files.filter((path) => path === "-").length > 1) {
    stderr.write("- is stdin, which can be read once.\n");
    return Exit.usage;
  }
  const inputs = await Promise.all(files.map(findInput));
  const sizes = inputs.map(({ sizeBytes }) => sizeBytes);
  const totalBytes = sizes.reduce(
    (sum, size) => (sum === null || size === null ? null : sum + size),
    0,
  );
  const collector = new Collector(readConfig(environment));
  const clock = systemClock;
  const progress = new Progress({ out: stderr, clock, totalBytes });
  const reading = new Reading({ collector, stdin, stop, progress, clock });
  const csv = await reading.readAll(inputs).finally(() => progress.end());
  if (stop.aborted) return Exit.failed;
  if (csv !== null) {
    stderr.write(`${csv} is a metric CSV (timestamp,value): tracer score reads those, on stdin.\n`);
    return Exit.usage;
  }
  const { report, listed } = reportOf(reading.result);
  if (args.html !== undefined) {
    await writePage(args.html, htmlReport(report, listed, collector.charts));
  }
  const text = json
    ? `${JSON.stringify(report, null, 2)}\n`
    : textReport(report, { color: color(stdout) });
  if (!stdout.write(text)) await once(stdout, "drain", { signal: stop }).catch(() => {});
  const nothing = nothingJudged(report);
  if (nothing !== null) {
    stderr.write(`${nothing}\n`);
    return Exit.failed;
  }
  return judge(report, failOn, stderr);
}

/** Why the report says nothing, or null: a check that looked at nothing must not pass. */
function nothingJudged({ parse }: BacktestReport): string | null {
  if (parse.from !== null) return null;
  if (parse.records > 0) return "No record has a time that can be read: nothing was judged.";
  return parse.rejected === 0
    ? "There were no log records."
    : `None of ${parse.rejected} records could be read.`;
}

async function writePage(path: string, page: string): Promise<void> {
  try {
    await writeFile(path, page);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TracerError("INPUT_INVALID", `--html ${path}: ${reason}`, { cause: error });
  }
}

function judge(
  report: BacktestReport,
  failOn: readonly string[],
  stderr: CommandContext["stderr"],
): Exit {
  const met = failOn.filter((text) => {
    const condition: FailOnCondition | null = parseFailOn(text);
    return condition !== null && holds(condition, figureOf(report, condition.figure));
  });
  for (const text of met) stderr.write(`--fail-on: ${text} holds.\n`);
  return met.length > 0 ? Exit.conditionNotMet : Exit.ok;
}

function figureOf({ parse, alerts }: BacktestReport, figure: FailOnFigure): number {
  switch (figure) {
    case "alerts":
      return alerts.total;
    case "critical":
      return alerts.critical;
    case "alerts_per_week":
      return alerts.perWeek ?? 0;
    case "records":
      return parse.records;
    case "rejected":
      return parse.rejected;
    case "late":
      return parse.late;
    default:
      return figure satisfies never;
  }
}
