import {
  endingText,
  flatten,
  formatDuration,
  formatNumber,
  formatQuantity,
  formatTemplateRates,
  sparklineText,
} from "@tracer/core";
import type { BacktestReport, ReportedAlert, ReportedService } from "./report.ts";

/** Services without an alert that are named; all of them are in the other formats. */
const QUIET_NAMED_MAX = 20;
/** A service seen for less says nothing about drops. */
const DROP_SECONDS = 21_600;

export interface TextOptions {
  readonly color: boolean;
}

/** The report for a terminal. Times are UTC. */
export function textReport(report: BacktestReport, { color }: TextOptions): string {
  const paint = (code: number) => (text: string) =>
    color ? `\u001b[${code}m${text}\u001b[0m` : text;
  const style = { bold: paint(1), dim: paint(2), red: paint(31), green: paint(32) };
  const lines = [...parseLines(report, style), ""];
  const alerting = report.services.filter(({ alerts }) => alerts.length > 0);
  const quiet = report.services.filter(({ alerts }) => alerts.length === 0);
  const words = wordsOf(report);
  for (const service of alerting) lines.push(...serviceLines(service, report, style), "");
  if (quiet.length > 0) {
    lines.push(style.bold(alerting.length > 0 ? "No alert" : `No alert for any ${words.service}`));
    for (const service of quiet.slice(0, QUIET_NAMED_MAX)) {
      lines.push(
        `  ${nameOf(service)}  ${style.dim(counted(service.records, words.record))}`,
        ...heldLines(service, report.input).map((line) => style.dim(`    ${line}`)),
      );
    }
    const more = report.parse.services - alerting.length - Math.min(quiet.length, QUIET_NAMED_MAX);
    if (more > 0) lines.push(style.dim(`  and ${formatNumber(more)} more`));
    lines.push("");
  }
  lines.push(summaryOf(report, style));
  return `${lines.join("\n")}\n`;
}

/** What the things are called that were counted. */
export function wordsOf({ input }: Pick<BacktestReport, "input">) {
  return input === "logs"
    ? { record: "record", service: "service", services: "Services" }
    : { record: "row", service: "series", services: "Series" };
}

type Paint = (text: string) => string;
interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
}

function parseLines(report: BacktestReport, { bold, dim }: Style): string[] {
  const { parse } = report;
  const words = wordsOf(report);
  const lines = [
    `${bold(counted(parse.records, words.record))} of ${countedServices(report)}` +
      (parse.from === null || parse.to === null
        ? ", none with a time"
        : `, ${clockText(parse.from)} to ${clockText(parse.to)} UTC (${formatDuration(parse.spanSeconds)})`),
  ];
  const notes = parseNotes(report);
  return [...lines, ...notes.map((note) => dim(`  ${note}`))];
}

/** What was not as it should be in the input, a sentence each. */
export function parseNotes(report: BacktestReport): string[] {
  const { parse } = report;
  const { record: word } = wordsOf(report);
  const notes: string[] = [];
  if (parse.rejected > 0) {
    notes.push(`${counted(parse.rejected, word)} could not be read:`);
    for (const { input, record, reason } of parse.problems)
      notes.push(`  input ${input}, ${word} ${record}: ${reason}`);
  }
  return [...notes, ...(report.input === "logs" ? recordNotes(report) : rowNotes(report))];
}

function recordNotes({ parse }: BacktestReport): string[] {
  const notes: string[] = [];
  if (parse.late > 0)
    notes.push(`${counted(parse.late, "record")} came too late for its step and changed nothing`);
  if (parse.future > 0)
    notes.push(
      `${counted(parse.future, "record")} dated more than a day ahead of all others: not counted`,
    );
  if (parse.withoutTime > 0)
    notes.push(
      `${counted(parse.withoutTime, "record")} without a time: counted at the newest time`,
    );
  if (parse.warnings > parse.withoutTime || parse.warningProblems.length > 0) {
    notes.push(`${counted(parse.warnings, "record")} with a field that could not be read:`);
    for (const { input, record, reason } of parse.warningProblems.slice(0, 3))
      notes.push(`  input ${input}, record ${record}: ${reason}`);
  }
  return notes;
}

function rowNotes({ parse, servicesUnlisted, services }: BacktestReport): string[] {
  const { withoutValue, withoutTime, late, future } = parse;
  const unread = servicesUnlisted - (parse.services - services.length);
  const said: [number, string][] = [
    [withoutValue, "without a value: nothing to judge"],
    [withoutTime, "without a time: judged at the time of the row before"],
    [future, "dated more than a day ahead of the next: judged at the time of the row before"],
    [late, "dated more than a day before an earlier one: judged at the time of the row before"],
  ];
  const notes = said
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${counted(count, "row")} ${what}`);
  if (unread > 0) notes.push(`${counted(unread, "column")} not read: there are too many`);
  return notes;
}

function serviceLines(service: ReportedService, report: BacktestReport, style: Style): string[] {
  const { record } = wordsOf(report);
  const lines = [
    `${style.bold(nameOf(service))}  ${counted(service.alerts.length, "alert")}, ${counted(service.records, record)}`,
  ];
  for (const alert of service.alerts) lines.push(...alertLines(alert, style));
  return [...lines, ...heldLines(service, report.input).map((line) => style.dim(`  ${line}`))];
}

function alertLines(alert: ReportedAlert, { red, dim }: Style): string[] {
  const { evidence } = alert;
  return [
    `  ${red(alertLabel(alert))}  ${spanText(alert)}`,
    `    ${sparklineText(evidence.sparkline)}  ${evidence.sentence}`,
    dim(`    ${[...proofTexts(alert), decidedText(alert)].join("; ")}`),
    ...templateTexts(alert).map((line) => `    ${line}`),
    ...alert.examples.map((line) => dim(`    │ ${line}`)),
  ];
}

/** What was expected, and how sure it is. Of a kind of message that was never seen nothing was expected. */
export function proofTexts({
  kind,
  evidence: { unit, bar, ...evidence },
}: ReportedAlert): string[] {
  const low = formatQuantity(evidence.expectedLow, unit);
  const high = formatQuantity(evidence.expectedHigh, unit);
  const expected = kind === "template" ? [] : [`expected ${low} to ${high}`];
  const sure =
    bar > 0 ? [`evidence ${formatNumber(evidence.evidence)} of ${formatNumber(bar)}`] : [];
  return [...expected, ...sure];
}

/** The kinds of message behind an alert, one a line. */
export function templateTexts({ evidence }: ReportedAlert): string[] {
  return (evidence.templates ?? []).map((each) => `${formatTemplateRates(each)}: ${each.text}`);
}

/** When an alert was; a row of numbers is a moment. */
export function spanText(alert: ReportedAlert): string {
  const { kind, since, until, durationSeconds, ending } = alert;
  if (kind === "metric") return `at ${clockText(since)}`;
  if (until === null) return `since ${clockText(since)}, still open at the end`;
  const how = ending === null ? "" : `, ${endingText(ending)}`;
  return `since ${clockText(since)}, until ${clockText(until)} (${formatDuration(durationSeconds)})${how}`;
}

/** When it was announced, and by what where that is not the rule that decides by default. */
export function decidedText({ kind, decided, rule }: ReportedAlert): string {
  if (kind === "metric") return "judged with its row";
  const by = rule === "evidence" || rule === "arrivals" ? "" : `, decided by ${rule}`;
  return `announced ${clockText(decided)}${by}`;
}

/** Why a kind of message that was never seen was not told of. */
const NEW_KINDS_WORDS = {
  ok: "",
  learning: "learned to the end, which takes a day and a half",
  free_text: "not told of, the messages are free text without kinds",
  no_room: "not told of, there was no room to learn them",
} as const satisfies Record<NonNullable<ReportedService["newKinds"]>, string>;

/** Why a service said nothing, or nothing more. */
export function heldLines(service: ReportedService, input: BacktestReport["input"]): string[] {
  const lines: string[] = [];
  const seconds = (Date.parse(service.to) - Date.parse(service.from)) / 1000;
  if (service.learnedAt === null) {
    lines.push("held back: learning to the end, too short or too few records to judge");
  } else lines.push(`learning until ${clockText(service.learnedAt)}`);
  if (input === "logs" && seconds < DROP_SECONDS) {
    lines.push(
      `seen for less than ${formatDuration(DROP_SECONDS)}: a drop or a silence is not judged yet`,
    );
  }
  const kinds = service.newKinds === null ? "" : NEW_KINDS_WORDS[service.newKinds];
  if (kinds !== "") lines.push(`new kinds of message: ${kinds}`);
  for (const call of service.heldBack) {
    const what = alertName(call);
    const of = `evidence ${formatNumber(call.evidence)} of ${formatNumber(call.bar)}`;
    lines.push(
      call.reason === "hold"
        ? `held back: ${what} at ${clockText(call.at)}, ${of}, but it did not last`
        : `closest call: ${what} at ${clockText(call.at)}, ${of}: short by ${formatNumber(call.bar - call.evidence)}`,
    );
  }
  return lines;
}

function summaryOf({ alerts }: BacktestReport, { bold, green, red }: Style): string {
  const total = counted(alerts.total, "alert");
  const rate = rateText(alerts.perWeek);
  const open = alerts.open > 0 ? `, ${formatNumber(alerts.open)} still open at the end` : "";
  return bold((alerts.total === 0 ? green : red)(total)) + rate + open;
}

function rateText(perWeek: number | null): string {
  return perWeek === null ? "" : ` (${formatNumber(perWeek)} a week at this rate)`;
}

/** "volume drop", "error". */
export function alertName({ kind, part }: { kind: string; part: string }): string {
  return part === "" || kind === "template" || kind === "metric" ? kind : `${kind} ${part}`;
}

/** Severity and name of an alert, "critical volume drop"; once when they are the same word. */
export function alertLabel(alert: ReportedAlert): string {
  const name = alertName(alert);
  return name === alert.severity ? name : `${alert.severity} ${name}`;
}

/** The name of a service, harmless in a terminal. */
export function nameOf({ service, environment }: ReportedService): string {
  return flatten(environment === "" ? service : `${service} (${environment})`);
}

/** "2026-01-05 14:03" */
export function clockText(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)}`;
}

function counted(count: number, what: string): string {
  return `${formatNumber(count)} ${what}${count === 1 ? "" : "s"}`;
}

/** "3 services", "1 series". */
function countedServices(report: BacktestReport): string {
  const { services } = report.parse;
  return report.input === "logs"
    ? counted(services, "service")
    : `${formatNumber(services)} series`;
}
