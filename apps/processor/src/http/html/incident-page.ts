import {
  bandChart,
  escapeMarkup,
  formatDuration,
  formatNumber,
  formatQuantity,
  formatRatio,
  formatTemplateRates,
  type Incident,
} from "@tracer/core";
import type { DeliveryAttempt, DeliveryRecord } from "@tracer/store";

/** A delivery with what became of each try. */
export interface DeliveryInFull extends DeliveryRecord {
  readonly tries: readonly DeliveryAttempt[];
}

export interface IncidentInFull extends Incident {
  readonly deliveries: readonly DeliveryInFull[];
}

const MINUTE_MS = 60_000;

/** The body of an incident's page: all that is known of it, with every text escaped. */
export function incidentBody(incident: IncidentInFull): string {
  const { evidence, severity, state, title } = incident;
  return [
    `<header class="${severity}"><p class="brand">Tracer</p><h1>${escapeMarkup(title)}</h1>`,
    `<p class="lede"><span class="chip">${severity}</span> `,
    state === "open"
      ? `<span class="chip">open</span> since ${timeHtml(incident.openedAt)}</p>`
      : `<span class="chip quiet">resolved</span> ${timeHtml(incident.resolvedAt ?? "")}</p>`,
    `<p>${escapeMarkup(evidence.sentence, 1_000)}</p></header><main>`,
    factsHtml(incident),
    "<h2>What was seen and expected</h2>",
    chartHtml(incident),
    numbersHtml(incident),
    templatesHtml(incident),
    linesHtml(incident),
    timelineHtml(incident),
    deliveriesHtml(incident),
    '</main><footer><a href="../">What is open now</a>. All times are UTC.</footer>',
  ].join("");
}

function factsHtml(incident: IncidentInFull): string {
  const { service, environment, kind, part, occurrences, flapping, deploy } = incident;
  const facts: [string, string][] = [
    ["service", environment === "" ? service : `${service} (${environment})`],
    ["kind", part === "" || kind === "template" ? kind : `${kind}, ${part}`],
    ["seen", `${formatNumber(occurrences)}×, last ${utc(incident.lastSeenAt)}`],
  ];
  if (incident.ackedAt !== null) {
    facts.push(["acknowledged", `${utc(incident.ackedAt)} by ${incident.ackedBy ?? "somebody"}`]);
  }
  if (deploy !== null) facts.push(["deploy before it", `${deploy.version}, ${utc(deploy.at)}`]);
  if (flapping) facts.push(["flapping", "it opened three times within an hour"]);
  return factList(facts);
}

function factList(facts: readonly (readonly [string, string])[]): string {
  const rows = facts.map(
    ([name, value]) => `<dt>${escapeMarkup(name)}</dt><dd>${escapeMarkup(value)}</dd>`,
  );
  return `<dl class="facts">${rows.join("")}</dl>`;
}

/** The minutes up to the last sighting, with the band; the same as a table for whoever does not see it. */
function chartHtml({ evidence, lastSeenAt, openedAt, severity, title }: IncidentInFull): string {
  const { sparkline, unit, expected, expectedLow, expectedHigh } = evidence;
  const endMs = Math.floor(Date.parse(lastSeenAt) / MINUTE_MS) * MINUTE_MS;
  const points = sparkline.map((value, index) => ({
    ...{ startMs: endMs - (sparkline.length - 1 - index) * MINUTE_MS, value },
    ...{ expected, low: expectedLow, high: expectedHigh },
  }));
  const about = `${title}: ${evidence.sentence}`;
  const marks = [{ fromMs: Date.parse(openedAt), toMs: null, severity, label: "since it began" }];
  const rows = points.map(
    ({ startMs, value }) =>
      `<tr><td class="when">${utc(new Date(startMs).toISOString())}</td>` +
      `<td class="num">${escapeMarkup(formatQuantity(value, unit))}</td></tr>`,
  );
  return (
    `<figure class="panel chart">${bandChart({ title: about, unit, points, stepMs: MINUTE_MS, marks })}` +
    `<figcaption>A value a minute up to the last sighting; the band is what steady traffic stays in.</figcaption></figure>` +
    '<details class="data"><summary>As a table</summary><table><thead><tr><th>minute</th>' +
    `<th class="num">seen</th></tr></thead><tbody>${rows.join("")}</tbody></table></details>`
  );
}

function numbersHtml({ evidence }: IncidentInFull): string {
  const { unit, bar, sampleSize, baselineAgeSeconds, ratio, z, ewma, rateOfChange } = evidence;
  const quantity = (value: number | null) => formatQuantity(value, unit);
  return factList([
    ["observed", `${quantity(evidence.observed)}, ${quantity(evidence.peak)} at its most extreme`],
    [
      "expected",
      `${quantity(evidence.expected)} (${quantity(evidence.expectedLow)} to ${quantity(evidence.expectedHigh)})`,
    ],
    ["ratio", formatRatio(ratio)],
    ["z", formatNumber(z)],
    ["moving mean before it", quantity(ewma)],
    ["rate of change", formatNumber(rateOfChange)],
    ["evidence", `${formatNumber(evidence.evidence)} of ${formatNumber(bar)} nats`],
    ["rests on", `${formatNumber(sampleSize)} records`],
    ["baseline", `${formatDuration(baselineAgeSeconds)} old`],
  ]);
}

function templatesHtml({ evidence: { templates = [] } }: IncidentInFull): string {
  if (templates.length === 0) return "";
  const rows = templates.map(
    (template) =>
      `<tr><td>${escapeMarkup(template.level)}</td><td class="num">${escapeMarkup(formatTemplateRates(template))}</td>` +
      `<td><code>${escapeMarkup(template.text)}</code></td></tr>`,
  );
  return (
    '<h2>What changed, by kind of message</h2><div class="panel scroll"><table><thead><tr><th>level</th>' +
    `<th class="num">rate</th><th>message</th></tr></thead><tbody>${rows.join("")}</tbody></table></div>`
  );
}

function linesHtml({ exemplars }: IncidentInFull): string {
  if (exemplars.length === 0) return "";
  const lines = exemplars.map((line) => escapeMarkup(line, 1_000)).join("\n");
  return `<h2>Lines, redacted</h2><article class="panel"><pre>${lines}</pre></article>`;
}

/** What happened when, oldest first. */
function timelineHtml(incident: IncidentInFull): string {
  const { openedAt, lastSeenAt, ackedAt, ackedBy, resolvedAt, closeReason, deploy } = incident;
  const moments: [at: string | null, text: string][] = [
    [deploy?.at ?? null, `deploy of ${deploy?.version ?? ""}`],
    [openedAt, "it began"],
    [ackedAt, `acknowledged by ${ackedBy ?? "somebody"}`],
    ...incident.deliveries.flatMap(({ createdAt, sentAt, action, channel }) => {
      const decided: [string | null, string] = [createdAt, `${action} for ${channel} written`];
      const sent: [string | null, string] = [sentAt, `${action} sent to ${channel}`];
      return [decided, sent];
    }),
    [lastSeenAt, "seen for the last time"],
    [resolvedAt, `resolved (${closeReason ?? "over"})`],
  ];
  const beganMs = Date.parse(openedAt);
  const rows = moments
    .flatMap(([at, text]) => (at === null ? [] : [{ at, text, ms: Date.parse(at) }]))
    .sort((left, right) => left.ms - right.ms)
    .map(({ at, text, ms }) => {
      const after = ms > beganMs ? `+${formatDuration((ms - beganMs) / 1_000)}` : "";
      return (
        `<tr><td class="when">${timeHtml(at)}</td><td class="num">${escapeMarkup(after)}</td>` +
        `<td>${escapeMarkup(text)}</td></tr>`
      );
    });
  return (
    '<h2>Timeline</h2><div class="panel scroll"><table><thead><tr><th>time</th><th class="num">after its beginning</th>' +
    `<th>what</th></tr></thead><tbody>${rows.join("")}</tbody></table></div>`
  );
}

function deliveriesHtml({ deliveries }: IncidentInFull): string {
  if (deliveries.length === 0) {
    return '<h2>Deliveries</h2><p class="dim">Nothing was sent about it.</p>';
  }
  const rows = deliveries.map((delivery) => {
    const { channel, action, state, attempts, lastError, tries } = delivery;
    const answers = tries.map(({ startedAt, outcome, reason }) =>
      escapeMarkup(`${utc(startedAt)} ${outcome ?? "no answer yet"} ${reason ?? ""}`),
    );
    return (
      `<tr><td>${escapeMarkup(channel)}</td><td>${escapeMarkup(action)}</td><td>${escapeMarkup(state)}</td>` +
      `<td class="num">${attempts}</td><td>${[...answers, escapeMarkup(lastError ?? "")].filter(Boolean).join("<br>")}</td></tr>`
    );
  });
  return (
    '<h2>Deliveries</h2><div class="panel scroll"><table><thead><tr><th>channel</th><th>what</th><th>state</th>' +
    `<th class="num">attempts</th><th>answers</th></tr></thead><tbody>${rows.join("")}</tbody></table></div>`
  );
}

function timeHtml(iso: string): string {
  return `<time datetime="${escapeMarkup(iso)}">${escapeMarkup(utc(iso))}</time>`;
}

/** `2026-01-05 14:05:09` of an ISO 8601 time in UTC. */
function utc(iso: string): string {
  return iso.slice(0, 19).replace("T", " ");
}
