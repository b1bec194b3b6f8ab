import {
  escapeMarkup,
  formatDuration,
  formatNumber,
  formatQuantity,
  sparklineText,
} from "@tracer/core";
import { pointsMaxOf } from "./html-charts.ts";
import { REPORT_STYLE } from "./html-style.ts";
import type { BacktestReport, ReportedAlert, ReportedService } from "./report.ts";
import {
  alertLabel,
  clockText,
  decidedText,
  heldLines,
  nameOf,
  parseNotes,
  proofTexts,
  spanText,
  templateTexts,
  wordsOf,
} from "./text.ts";

/** Services with charts on the page, those with most alerts first. */
export const CHARTED_SERVICES_MAX = 200;
/** Alerts in the table at the top; each stands with its service too. */
const ALERT_ROWS_MAX = 200;
/** Services without an alert are folded away when there are more. */
const UNFOLDED_MAX = 4;

/**
 * The report as one file that loads nothing: no script, no address of any kind. All text of the logs is
 * escaped, and a content security policy stands behind that. `draw` makes the charts of one service.
 */
export function htmlReport<Each extends { readonly reported: ReportedService }>(
  report: BacktestReport,
  listed: readonly Each[],
  draw: (each: Each, pointsMax: number) => string,
): string {
  const shown = listed.slice(0, CHARTED_SERVICES_MAX);
  const pointsMax = pointsMaxOf(shown.length);
  const unfolded = shown.length <= UNFOLDED_MAX;
  const words = wordsOf(report);
  const services = shown.map((each, index) =>
    serviceHtml(each.reported, { index, unfolded, report, charts: draw(each, pointsMax) }),
  );
  const left = report.parse.services - shown.length;
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    `<title>Tracer backtest</title><style>${REPORT_STYLE}</style></head><body>`,
    headerHtml(report),
    "<main>",
    alertTable(listed, words.service),
    `<h2>${words.services}</h2>`,
    ...services,
    left > 0 ? `<p class="lede">${formatNumber(left)} more without a chart here.</p>` : "",
    inputHtml(report),
    "</main><footer>Made by <code>tracer backtest</code>, the detector that runs live. All times are UTC. ",
    "The band is where steady traffic stays about 95 % of the time; it is what was expected before a point was learned.",
    "</footer></body></html>\n",
  ].join("");
}

function headerHtml(report: BacktestReport): string {
  const { parse, alerts, input } = report;
  const words = wordsOf(report);
  const span =
    parse.from === null || parse.to === null
      ? `No ${words.record} has a time.`
      : `${clockText(parse.from)} to ${clockText(parse.to)} UTC`;
  const title =
    alerts.total === 0
      ? `No alert in ${formatDuration(parse.spanSeconds)}`
      : `${counted(alerts.total, "alert")} in ${formatDuration(parse.spanSeconds)}`;
  const figures: [string, string][] = [
    ["Alerts a week, at this rate", formatNumber(alerts.perWeek)],
    [words.services, formatNumber(parse.services)],
    [input === "logs" ? "Records" : "Rows", formatNumber(parse.records)],
    ["Could not be read", formatNumber(parse.rejected)],
    input === "logs"
      ? ["Too late", formatNumber(parse.late)]
      : ["Without a value", formatNumber(parse.withoutValue)],
  ];
  const tiles = figures.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`);
  return (
    `<header><p class="brand">Tracer backtest</p><h1>${title}</h1>` +
    `<p class="lede num">${span}</p><dl class="figures">${tiles.join("")}</dl></header>`
  );
}

function alertTable(
  listed: readonly { readonly reported: ReportedService }[],
  service: string,
): string {
  const all = listed.flatMap(({ reported }, index) =>
    reported.alerts.map((alert) => ({ alert, reported, index })),
  );
  if (all.length === 0) return "";
  const rows = all
    .sort((left, right) => (left.alert.since < right.alert.since ? -1 : 1))
    .slice(0, ALERT_ROWS_MAX)
    .map(({ alert, reported, index }) => {
      const name = escapeMarkup(nameOf(reported));
      const link = index < CHARTED_SERVICES_MAX ? `<a href="#s${index}">${name}</a>` : name;
      return (
        `<tr><td class="when">${clockText(alert.since)}</td><td>${link}</td>` +
        `<td>${chip(alert)}</td><td class="num">${lasted(alert)}</td>` +
        `<td>${escapeMarkup(alert.evidence.sentence)}</td></tr>`
      );
    });
  const more = all.length > rows.length ? `The first ${rows.length} of ${all.length}.` : "";
  return (
    '<h2>Alerts</h2><div class="panel scroll"><table>' +
    (more === "" ? "" : `<caption>${more}</caption>`) +
    `<thead><tr><th scope="col">Since (UTC)</th><th scope="col">${service === "service" ? "Service" : "Series"}</th><th scope="col">What</th>` +
    `<th scope="col" class="num">Lasted</th><th scope="col">Why</th></tr></thead><tbody>${rows.join("")}</tbody></table></div>`
  );
}

interface ServiceOptions {
  readonly index: number;
  readonly unfolded: boolean;
  readonly report: BacktestReport;
  /** Markup. */
  readonly charts: string;
}

function serviceHtml(service: ReportedService, options: ServiceOptions): string {
  const { index, unfolded, report, charts } = options;
  const { alerts, records, errors } = service;
  const { record } = wordsOf(report);
  const title = `<h3>${escapeMarkup(nameOf(service))}</h3>`;
  const share = records > 0 ? formatQuantity(errors / records, "share") : "";
  const failed = report.input === "logs" ? `, ${share} errors` : "";
  const facts = `<span class="facts dim num">${counted(records, record)}${failed}</span>`;
  const state =
    alerts.length === 0
      ? '<span class="chip quiet">no alert</span>'
      : `<span class="chip ${worstOf(alerts)}">${counted(alerts.length, "alert")}</span>`;
  const why = heldLines(service, report.input).map((line) => `<li>${escapeMarkup(line)}</li>`);
  const inside =
    `<div class="inside">${alerts.map(alertHtml).join("")}${charts}` +
    `<ul class="why">${why.join("")}</ul></div>`;
  if (alerts.length > 0 || unfolded) {
    return `<article class="service" id="s${index}"><header>${title}${facts}${state}</header>${inside}</article>`;
  }
  return `<details class="service" id="s${index}"><summary>${title}${facts}${state}</summary>${inside}</details>`;
}

function alertHtml(alert: ReportedAlert): string {
  const { evidence } = alert;
  const examples =
    alert.examples.length === 0
      ? ""
      : `<pre>${alert.examples.map((line) => escapeMarkup(line)).join("\n")}</pre>`;
  const templates = templateTexts(alert).map((line) => `<li>${escapeMarkup(line)}</li>`);
  const messages = templates.length === 0 ? "" : `<ul class="why">${templates.join("")}</ul>`;
  return (
    `<div class="alert ${alert.severity}"><p>${chip(alert)} <span class="what">${escapeMarkup(evidence.sentence)}</span></p>` +
    `<p class="dim num small">${[`${spanText(alert)}; ${decidedText(alert)}`, ...proofTexts(alert)].map(sentenceCase).join(". ")}.</p>` +
    `<p class="spark" role="img" aria-label="${alert.kind === "metric" ? "The last rows" : "The half hour before, a bar a minute"}">${sparklineText(evidence.sparkline)}</p>` +
    `${messages}${examples}</div>`
  );
}

function inputHtml(report: BacktestReport): string {
  const notes = parseNotes(report).map((note) => `<li>${escapeMarkup(note)}</li>`);
  if (notes.length === 0) return "";
  return `<h2>The input</h2><ul class="why">${notes.join("")}</ul>`;
}

function chip(alert: ReportedAlert): string {
  return `<span class="chip ${alert.severity}">${escapeMarkup(alertLabel(alert))}</span>`;
}

function worstOf(alerts: readonly ReportedAlert[]): string {
  const order = ["critical", "error", "warning", "info"] as const;
  return order.find((severity) => alerts.some((alert) => alert.severity === severity)) ?? "info";
}

function lasted({ kind, durationSeconds }: ReportedAlert): string {
  if (kind === "metric") return "one row";
  return durationSeconds === null ? "to the end" : formatDuration(durationSeconds);
}

function sentenceCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function counted(count: number, what: string): string {
  return `${formatNumber(count)} ${what}${count === 1 ? "" : "s"}`;
}
