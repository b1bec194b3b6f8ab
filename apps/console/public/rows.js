// Services as table rows, channels as list items.

import { ago } from "./cards.js";
import { badge, bars, el } from "./dom.js";
import { number, plain } from "./format.js";

/** @typedef {import("../src/shapes.ts").Service} Service */
/** @typedef {import("../src/shapes.ts").Channel} Channel */

const NAME_CHARACTERS_MAX = 200;

/** Worst first: the order in which services are shown. */
const SERVICE_STATES = /** @type {const} */ ([
  ["firing", "diamond", "critical"],
  ["silent", "dash", "warning"],
  ["watch", "half", "warning"],
  ["learning", "dots", "dull"],
  ["ok", "check", "good"],
]);

/** @param {Service} service */
export function serviceKey({ project, environment, service }) {
  return JSON.stringify([project, environment, service]);
}

/** Worst first, then most errors, then most records, then by name. @param {readonly Service[]} services */
export function sortedServices(services) {
  const rank = (/** @type {Service} */ { state }) => {
    const index = SERVICE_STATES.findIndex(([word]) => word === state);
    return index < 0 ? SERVICE_STATES.length : index;
  };
  return services.toSorted(
    (a, b) =>
      rank(a) - rank(b) ||
      b.errorsPerMinute - a.errorsPerMinute ||
      b.recordsPerMinute - a.recordsPerMinute ||
      (serviceKey(a) < serviceKey(b) ? -1 : 1),
  );
}

/** @param {Service} item */
export function serviceRow(item) {
  const { state, sparkline, lastSeenAt } = item;
  const known = SERVICE_STATES.find(([word]) => word === state);
  const [word, shape, tone] = known ?? [plain(state, 20), "ring", "dull"];
  const names = [item.project === "default" ? "" : item.project, item.environment].filter(Boolean);
  const service = plain(item.service, NAME_CHARACTERS_MAX);
  const values = Array.isArray(sparkline) ? sparkline : [];
  return el(
    "tr",
    {},
    el(
      "th",
      { scope: "row" },
      el("span", { class: "clamp", title: service }, service),
      names.length > 0 && el("small", {}, plain(names.join(" / "), NAME_CHARACTERS_MAX)),
    ),
    el(
      "td",
      {},
      badge(shape, word, tone),
      state === "silent" && lastSeenAt && el("small", {}, "last record ", ago(lastSeenAt)),
    ),
    el("td", { class: "num", "data-label": "records/min" }, number(item.recordsPerMinute)),
    el(
      "td",
      {
        class: state === "firing" || state === "watch" ? "num some" : "num",
        "data-label": "errors/min",
      },
      number(item.errorsPerMinute),
    ),
    el("td", { class: "wide" }, bars(values, { label: `${service}: ${trend(values)}` })),
  );
}

/** @param {readonly (number | null)[]} values */
function trend(values) {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return "no history yet";
  return `${number(Math.min(...known))} to ${number(Math.max(...known))} records a minute, now ${number(known.at(-1))}`;
}

/** @type {Record<string, [Parameters<typeof badge>[0], string]>} */
const CHANNEL_SHAPES = {
  ok: ["check", "good"],
  failing: ["triangle", "critical"],
  needs_reconnect: ["triangle", "critical"],
  disabled: ["dash", "warning"],
  unused: ["ring", "dull"],
};

/** @type {Record<string, string>} */
const CHANNEL_WORDS = { unused: "not used yet", needs_reconnect: "needs to be connected again" };

/** @param {Channel} channel */
export function channelItem({ name, kind, state, lastSuccessAt, lastError }) {
  const [shape, tone] = CHANNEL_SHAPES[state] ?? ["ring", "dull"];
  return el(
    "li",
    {},
    el("strong", {}, plain(name, NAME_CHARACTERS_MAX)),
    badge(shape, CHANNEL_WORDS[state] ?? plain(state, 20), tone),
    kind !== name && el("span", { class: "where" }, plain(kind, 40)),
    lastSuccessAt && el("span", { class: "where" }, "last delivered ", ago(lastSuccessAt)),
    lastError && state !== "ok" && el("span", { class: "failure" }, plain(lastError, 300)),
  );
}
