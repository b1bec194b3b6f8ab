// Incidents as cards.

import { badge, bars, el } from "./dom.js";
import { change, duration, measure, number, plain } from "./format.js";

/** @typedef {import("../src/shapes.ts").Incident} Incident */
/** @typedef {import("../src/shapes.ts").Delivery} Delivery */

const EXEMPLARS_MAX = 3;
const TEMPLATES_MAX = 5;
const NAME_CHARACTERS_MAX = 200;

/** @type {Record<string, [Parameters<typeof badge>[0], string]>} */
const SEVERITY_SHAPES = {
  critical: ["octagon", "critical"],
  error: ["diamond", "error"],
  warning: ["triangle", "warning"],
  info: ["info", "info"],
};

/** @type {Record<string, string>} */
const CLOSE_REASONS = {
  quiet: "not seen for the quiet period",
  clear: "back to normal",
  manual: "resolved by hand",
  superseded: "replaced by a newer incident",
};

/** How it ended where that is no recovery; the same words as in messages. @type {Record<string, string>} */
const ENDINGS = {
  accepted: "taken as the new normal",
  accepted_by_hand: "accepted by hand as the new normal",
  no_records: "no records any more",
  not_seen: "not seen any more",
};

/**
 * One incident. `whole` is the view of a single incident: every number and every delivery is unfolded.
 * @param {Incident} incident
 * @param {{ whole: boolean }} options
 */
export function incidentCard(incident, { whole }) {
  const { evidence, severity } = incident;
  const open = incident.state === "open";
  const [shape, tone] = SEVERITY_SHAPES[severity] ?? ["info", "info"];
  const unfolded = open || whole;
  const clamp = whole ? "" : "clamp";
  const titleId = `title-${incident.id}`;
  const title = plain(incident.title, NAME_CHARACTERS_MAX * 2);
  const link = el("a", { href: `/i/${encodeURIComponent(incident.id)}` }, title);
  return el(
    "article",
    { class: `panel card ${open ? `edge-${tone}` : "over"}`, "aria-labelledby": titleId },
    el(
      "div",
      { class: "card-head" },
      badge(shape, plain(severity, NAME_CHARACTERS_MAX), open ? tone : "dull"),
      open ? null : badge("check", "resolved", "good"),
      el("span", { class: "since" }, ...sinceOf(incident)),
    ),
    el(
      "div",
      { class: "card-body" },
      el(
        "div",
        {},
        el("h3", { id: titleId, class: clamp, title: whole ? null : title }, whole ? title : link),
        el("p", { class: `where ${clamp}` }, whereOf(incident)),
        evidence && el("p", { class: "sentence" }, plain(evidence.sentence)),
        unfolded && templates(evidence?.templates ?? []),
        unfolded && examples(incident.exemplars ?? []),
      ),
      el("div", {}, unfolded && evidence && chart(incident), told(incident.deliveries, { whole })),
    ),
    evidence && incident.kind !== "pipeline" ? numbers(incident, { whole }) : null,
  );
}

/**
 * An instant with how long ago it was; the page renews the words as time passes.
 * @param {string} iso
 * @param {string} after words that follow the duration, such as "ago"
 */
export function ago(iso, after = "ago") {
  const timestampMs = Date.parse(iso);
  if (Number.isNaN(timestampMs)) return el("span", {}, "at an unknown time");
  const title = new Date(timestampMs).toLocaleString();
  const time = el("time", { datetime: iso, title, "data-after": after });
  renewTime(time, Date.now());
  return time;
}

/** Writes the words of a time made by `ago`. @param {HTMLTimeElement} time @param {number} nowMs */
export function renewTime(time, nowMs) {
  const seconds = (nowMs - Date.parse(time.dateTime)) / 1000;
  const words = `${duration(seconds)} ${time.getAttribute("data-after") ?? ""}`.trim();
  if (time.textContent !== words) time.textContent = words;
}

/** @param {Incident} incident @returns {(Node | string)[]} */
function sinceOf({ state, openedAt, resolvedAt, closeReason, evidence }) {
  if (state === "open" || resolvedAt === null) {
    return ["since ", el("strong", {}, clockOf(openedAt)), " · ", ago(openedAt, "")];
  }
  const lasted = duration((Date.parse(resolvedAt) - Date.parse(openedAt)) / 1000);
  const ending = closeReason === "clear" ? ENDINGS[evidence?.ending ?? ""] : undefined;
  const reason = ending ?? CLOSE_REASONS[closeReason ?? ""] ?? "";
  return [`lasted ${lasted} · ended `, ago(resolvedAt), reason && ` · ${reason}`];
}

/** Time of day, with the date when it was not today. @param {string} iso */
function clockOf(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "–";
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
  return date.toDateString() === new Date().toDateString()
    ? time
    : `${date.toLocaleDateString([], { day: "numeric", month: "short" })} ${time}`;
}

/** @param {Incident} incident */
function whereOf({ project, environment, service, kind, part }) {
  const names = [project === "default" ? "" : project, environment, service].filter(Boolean);
  const place = names.map((name) => plain(name, NAME_CHARACTERS_MAX)).join(" / ");
  // The part of a new kind of message is a hash: nothing to read.
  const named = kind === "template" ? "" : plain(part, 40);
  return `${place} · ${plain(kind)}${named ? ` ${named}` : ""}`;
}

/** @param {Incident} incident */
function chart({ kind, evidence }) {
  const { sparkline, unit, expectedLow: low, expectedHigh: high, expected, observed } = evidence;
  if (!Array.isArray(sparkline) || sparkline.length === 0) return null;
  const seen = measure(observed, unit);
  const usual = `${measure(low, unit)} to ${measure(high, unit)}`;
  const span = `last ${sparkline.length} min, one bar a minute`;
  if (kind === "template") {
    const label = `Last ${sparkline.length} minutes: ${seen} seen, never before`;
    return el("figure", {}, bars(sparkline, { label, low, high }), el("figcaption", {}, span));
  }
  const label = `Last ${sparkline.length} minutes: ${seen} seen, ${measure(expected, unit)} expected, usual range ${usual}`;
  return el(
    "figure",
    {},
    bars(sparkline, { label, low, high }),
    el("figcaption", {}, `${span}; shaded: usual range, ${usual}`),
  );
}

/** @param {NonNullable<Incident["evidence"]["templates"]>} kinds */
function templates(kinds) {
  if (kinds.length === 0) return null;
  const items = kinds.slice(0, TEMPLATES_MAX).map(({ text, before, now, isNew }) => {
    const was = isNew ? "new" : `was ${number(before)}/min`;
    const rates = ` ${number(now)}/min, ${was} `;
    return el(
      "li",
      { dir: "ltr" },
      isNew ? badge("info", "NEW", "info") : null,
      rates,
      el("code", {}, plain(text)),
    );
  });
  return el(
    "div",
    { class: "examples" },
    el("h4", {}, "Messages since then"),
    el("ol", {}, ...items),
  );
}

/** @param {readonly string[]} exemplars */
function examples(exemplars) {
  if (exemplars.length === 0) return null;
  const lines = exemplars.slice(0, EXEMPLARS_MAX);
  return el(
    "div",
    { class: "examples" },
    el("h4", {}, "Example lines"),
    el("ol", {}, ...lines.map((line) => el("li", { dir: "ltr" }, el("code", {}, plain(line))))),
  );
}

/** @type {Record<string, string>} */
const ACTION_WORDS = {
  open: "first message",
  escalate: "escalation",
  repeat: "reminder",
  edit: "update in place",
  resolve: "resolved message",
};

/** @type {Record<Delivery["state"], [Parameters<typeof badge>[0], string]>} */
const DELIVERY_SHAPES = {
  sent: ["check", "good"],
  pending: ["dots", "dull"],
  dead: ["cross", "critical"],
};

/** Who was told. @param {readonly Delivery[] | undefined} deliveries @param {{ whole: boolean }} options */
function told(deliveries, { whole }) {
  if (deliveries === undefined) return null;
  if (deliveries.length === 0) return el("p", { class: "told" }, "No channel was to be told.");
  const shown = whole ? deliveries : summaryOf(deliveries);
  return el(
    "div",
    { class: "told" },
    el("h4", {}, "Told"),
    el("ul", {}, ...shown.map((delivery) => el("li", {}, ...deliveryOf(delivery)))),
  );
}

/** @param {Delivery} delivery */
function deliveryOf({ channel, action, state, attempts, sentAt, lastError }) {
  const [shape, tone] = DELIVERY_SHAPES[state] ?? ["ring", "dull"];
  const word = state === "dead" ? "given up" : state;
  const again = attempts > 1 ? `, ${attempts} attempts` : "";
  return [
    el("strong", {}, plain(channel, NAME_CHARACTERS_MAX)),
    badge(shape, word, tone),
    el(
      "span",
      {},
      ACTION_WORDS[action] ?? plain(action, 20),
      again,
      sentAt ? " · " : "",
      sentAt ? ago(sentAt) : "",
    ),
    state !== "sent" && lastError ? el("span", { class: "failure" }, plain(lastError, 300)) : null,
  ];
}

/**
 * One delivery per channel: the one that needs attention, else the newest that notified somebody (an edit
 * in place does not).
 * @param {readonly Delivery[]} deliveries
 */
function summaryOf(deliveries) {
  /** @type {Map<string, Delivery>} */
  const byChannel = new Map();
  const weight = (/** @type {Delivery} */ { state, action }) =>
    (state === "dead" ? 4 : state === "pending" ? 2 : 0) + (action === "edit" ? -1 : 0);
  for (const delivery of deliveries) {
    const held = byChannel.get(delivery.channel);
    if (held === undefined || weight(delivery) >= weight(held)) {
      byChannel.set(delivery.channel, delivery);
    }
  }
  return [...byChannel.values()];
}

/**
 * What was seen against what was expected; a message that was never seen before is compared with nothing.
 * @param {Incident["evidence"]} evidence @returns {[string, string][]}
 */
function comparison({ unit, expected, ratio, z, ewma, rateOfChange }) {
  return [
    ["Expected", measure(expected, unit)],
    ["Ratio", ratio === null ? "new, was 0" : `${number(ratio)}×`],
    ["z", number(z)],
    ["EWMA", measure(ewma, unit)],
    ["Rate of change", change(rateOfChange)],
  ];
}

/** @param {Incident} incident @param {{ whole: boolean }} options */
function numbers({ kind, part, evidence, occurrences, lastSeenAt }, { whole }) {
  const { unit } = evidence;
  /** @type {[string, string | Node][]} */
  const rows = [
    ["Observed", measure(evidence.observed, unit)],
    [part === "drop" ? "Lowest" : "Peak", measure(evidence.peak, unit)],
    ...(kind === "template" ? [] : comparison(evidence)),
    ["Evidence of bar", `${number(evidence.evidence)} of ${number(evidence.bar)} nats`],
    ["Sample", number(evidence.sampleSize)],
    ["Baseline age", duration(evidence.baselineAgeSeconds)],
    ["Sightings", number(occurrences)],
    ["Last seen", ago(lastSeenAt)],
  ];
  const list = rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
  return el(
    "details",
    { class: "numbers", open: whole },
    el("summary", {}, "The numbers"),
    el("dl", {}, ...list),
  );
}
