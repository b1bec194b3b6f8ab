import {
  escapeMarkup,
  formatDuration,
  formatNumber,
  formatQuantity,
  sparklineText,
} from "@tracer/core";
import type { ChartGrid } from "./chart-grid.ts";
import { chartsHtml, coarser, pointsMaxOf } from "./html-charts.ts";
import { REPORT_STYLE } from "./html-style.ts";
import type { BacktestReport, Listed, ReportedAlert, ReportedService } from "./report.ts";
import { alertLabel, clockText, heldLines, nameOf, parseNotes } from "./text.ts";

/** Services with charts on the page, those with most alerts first. */
export const CHARTED_SERVICES_MAX = 200;
/** Alerts in the table at the top; each stands with its service too. */
const ALERT_ROWS_MAX = 200;
/** Services without an alert are folded away when there are more. */
const UNFOLDED_MAX = 4;

/**
 * The report as one file that loads nothing: no script, no address of any kind. All text of the logs is
 * escaped, and a content security policy stands behind that.
 */
export function htmlReport(
  report: BacktestReport,
  listed: readonly Listed[],
  charts: ChartGrid,
): string {
  const shown = listed.slice(0, CHARTED_SERVICES_MAX);
  const pointsMax = pointsMaxOf(shown.length);
  const services = shown.map(({ slot, reported }, index) => {
    const all = charts.pointsOf(slot);
    const width = Math.max(1, Math.ceil(all.length / pointsMax));
    const drawn = chartsHtml(reported, coarser(all, pointsMax), charts.widthMs * width);
    return serviceHtml(reported, index, drawn, shown.length <= UNFOLDED_MAX);
  });
  const left = report.parse.services - shown.length;
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    `<title>Tracer backtest</title><style>${REPORT_STYLE}</style></head><body>`,
    headerHtml(report),
    "<main>",
    alertTable(listed),
    "<h2>Services</h2>",
    ...services,
    left > 0 ? `<p class="lede">${counted(left, "service")} more without a chart here.</p>` : "",
    inputHtml(report),
    "</main><footer>Made by <code>tracer backtest</code>, the detector that runs live. All times are UTC. ",
    "The band is where steady traffic stays about 95 % of the time; it is what was expected before a point was learned.",
    "</footer></body></html>\n",
  ].join("");
}

function headerHtml({ parse, alerts }: BacktestReport): string {
  const span =
    parse.from === null || parse.to === null
      ? "No record has a time."
      : `${clockText(parse.from)} to ${clockText(parse.to)} UTC`;
  const title =
    alerts.total === 0
      ? `No alert in ${formatDuration(parse.spanSeconds)}`
      : `${counted(alerts.total, "alert")} in ${formatDuration(parse.spanSeconds)}`;
  const figures: [string, string][] = [
    ["Alerts a week, at this rate", formatNumber(alerts.perWeek)],
    ["Services", formatNumber(parse.services)],
    ["Records", formatNumber(parse.records)],
    ["Could not be read", formatNumber(parse.rejected)],
    ["Too late", formatNumber(parse.late)],
  ];
  const tiles = figures.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`);
  return (
    `<header><p class="brand">Tracer backtest</p><h1>${title}</h1>` +
    `<p class="lede num">${span}</p><dl class="figures">${tiles.join("")}</dl></header>`
  );
}

function alertTable(listed: readonly Listed[]): string {
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
    '<thead><tr><th scope="col">Since (UTC)</th><th scope="col">Service</th><th scope="col">What</th>' +
    `<th scope="col" class="num">Lasted</th><th scope="col">Why</th></tr></thead><tbody>${rows.join("")}</tbody></table></div>`
  );
}

function serviceHtml(
  service: ReportedService,
  index: number,
  charts: string,
  unfolded: boolean,
): string {
  const { alerts, records, errors } = service;
  const title = `<h3>${escapeMarkup(nameOf(service))}</h3>`;
  const share = records > 0 ? formatQuantity(errors / records, "share") : "";
  const facts = `<span class="facts dim num">${counted(records, "record")}, ${share} errors</span>`;
  const state =
    alerts.length === 0
      ? '<span class="chip quiet">no alert</span>'
      : `<span class="chip ${worstOf(alerts)}">${counted(alerts.length, "alert")}</span>`;
  const why = heldLines(service).map((line) => `<li>${escapeMarkup(line)}</li>`);
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
  const until = alert.until === null ? "still open at the end" : `until ${clockText(alert.until)}`;
  const examples =
    alert.examples.length === 0
      ? ""
      : `<pre>${alert.examples.map((line) => escapeMarkup(line)).join("\n")}</pre>`;
  return (
    `<div class="alert ${alert.severity}"><p>${chip(alert)} <span class="what">${escapeMarkup(evidence.sentence)}</span></p>` +
    `<p class="dim num small">Since ${clockText(alert.since)}, ${until}${alert.until === null ? "" : `, ${lasted(alert)}`}; ` +
    `announced ${clockText(alert.decided)}. Expected ${formatQuantity(evidence.expectedLow, evidence.unit)} ` +
    `to ${formatQuantity(evidence.expectedHigh, evidence.unit)}. ` +
    `Evidence ${formatNumber(evidence.evidence)} of ${formatNumber(evidence.bar)}.</p>` +
    `<p class="spark" role="img" aria-label="The half hour before, a bar a minute">${sparklineText(evidence.sparkline)}</p>` +
    `${examples}</div>`
  );
}

function inputHtml({ parse }: BacktestReport): string {
  const notes = parseNotes(parse).map((note) => `<li>${escapeMarkup(note)}</li>`);
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

function lasted({ durationSeconds }: ReportedAlert): string {
  return durationSeconds === null ? "to the end" : formatDuration(durationSeconds);
}

function counted(count: number, what: string): string {
  return `${formatNumber(count)} ${what}${count === 1 ? "" : "s"}`;
}
