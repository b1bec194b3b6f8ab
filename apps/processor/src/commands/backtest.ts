import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { systemClock, TracerError } from "@tracer/core";
import { surpriseOf } from "@tracer/detect";
import { Collector } from "../backtest/collector.ts";
import {
  FAIL_ON_FIGURES,
  type FailOnCondition,
  type FailOnFigure,
  holds,
  parseFailOn,
} from "../backtest/fail-on.ts";
import { htmlReport } from "../backtest/html.ts";
import { chartsHtml, metricChartHtml } from "../backtest/html-charts.ts";
import { findInput } from "../backtest/input.ts";
import { MetricCollector } from "../backtest/metric-collector.ts";
import { metricReportOf } from "../backtest/metric-report.ts";
import { Progress } from "../backtest/progress.ts";
import { Reading } from "../backtest/reading.ts";
import { type BacktestReport, reportOf } from "../backtest/report.ts";
import { textReport } from "../backtest/text.ts";
import { readConfig } from "../config.ts";
import { Exit } from "../exit.ts";
import { parseRules } from "../rules-option.ts";
import type { CommandContext } from "./context.ts";

export interface BacktestArgs {
  readonly files?: readonly string[];
  readonly json?: boolean;
  readonly html?: string;
  readonly failOn?: readonly string[];
  readonly rules?: string;
  readonly threshold?: string;
}

const THRESHOLD = "0.5";

/** The detector that runs live over past logs or numbers, in event time alone: the same input gives the same report. */
export async function backtest(context: CommandContext, args: BacktestArgs): Promise<Exit> {
  const { environment, stdout, stderr, stdin, color, stop } = context;
  const { files = [], failOn = [], json = false } = args;
  const rules = parseRules(args.rules);
  const scoreMin = Number(args.threshold ?? THRESHOLD);
  const wrong = wrongUsage(args, rules, scoreMin);
  if (wrong !== null) {
    stderr.write(`${wrong}\n`);
    return Exit.usage;
  }
  const inputs = await Promise.all(files.map(findInput));
  const totalBytes = inputs.reduce<number | null>(
    (sum, { sizeBytes }) => (sum === null || sizeBytes === null ? null : sum + sizeBytes),
    0,
  );
  const settings = readConfig(environment);
  const { seriesMax, latenessSeconds } = settings;
  const collector = new Collector({
    ...{ seriesMax, latenessSeconds },
    rules: typeof rules === "string" ? undefined : rules,
  });
  const metrics = new MetricCollector({ scoreMin });
  const progress = new Progress({ out: stderr, clock: systemClock, totalBytes });
  const reading = new Reading({ collector, metrics, stdin, stop, progress, clock: systemClock });
  const found = await reading.readAll(inputs).finally(() => progress.end());
  if (stop.aborted) return Exit.failed;
  if (found.metrics !== null && found.logs !== null) {
    stderr.write(
      `${found.metrics} holds numbers and ${found.logs} logs: one backtest reads either.\n`,
    );
    return Exit.usage;
  }
  const page = args.html !== undefined;
  const { report, html } =
    found.metrics === null
      ? logsReport(reading, collector, page)
      : metricsReport(reading, metrics, surpriseOf(scoreMin), page);
  if (args.html !== undefined) await writePage(args.html, html);
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

/** What is wrong with the arguments, or null. */
function wrongUsage(
  { files = [], failOn = [], threshold }: BacktestArgs,
  rules: ReturnType<typeof parseRules>,
  scoreMin: number,
): string | null {
  if (typeof rules === "string") return rules;
  if (!(scoreMin > 0 && scoreMin < 1)) {
    return `--threshold '${threshold}' is not a score: it lies above 0 and below 1.`;
  }
  const condition = failOn.find((text) => parseFailOn(text) === null);
  if (condition !== undefined) {
    return (
      `--fail-on '${condition}' is not a condition such as 'alerts>0'. ` +
      `Figures: ${FAIL_ON_FIGURES.join(", ")}; operators: > >= < <= =.`
    );
  }
  const isStdinTwice = files.filter((path) => path === "-").length > 1;
  return isStdinTwice ? "- is stdin, which can be read once." : null;
}

interface Made {
  readonly report: BacktestReport;
  /** Empty when no page was asked for. */
  readonly html: string;
}

function logsReport(reading: Reading, { charts }: Collector, page: boolean): Made {
  const { report, listed } = reportOf(reading.result);
  const html = page
    ? htmlReport(report, listed, ({ slot, reported }, pointsMax) =>
        chartsHtml(reported, { charts, slot }, pointsMax),
      )
    : "";
  return { report, html };
}

function metricsReport(
  { result: { bytes, overlong } }: Reading,
  collector: MetricCollector,
  bar: number,
  page: boolean,
): Made {
  const { report, listed } = metricReportOf({ collector, bar, bytes, overlong });
  const html = page
    ? htmlReport(report, listed, ({ series, reported }, pointsMax) =>
        metricChartHtml(reported, series.chart, pointsMax),
      )
    : "";
  return { report, html };
}

/** Why the report says nothing, or null: a check that looked at nothing must not pass. */
function nothingJudged({ input, parse }: BacktestReport): string | null {
  if (parse.from !== null) return null;
  const what = input === "logs" ? "record" : "row";
  if (parse.records > 0) return `No ${what} has a time that can be read: nothing was judged.`;
  if (parse.withoutValue > 0) return `None of ${parse.withoutValue} rows had a value to judge.`;
  if (parse.rejected > 0) return `None of ${parse.rejected} ${what}s could be read.`;
  return input === "logs" ? "There were no log records." : "There were no rows.";
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
