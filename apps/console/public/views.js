// What the page shows of the API: the overview, or one incident.

import { ApiError } from "./api.js";
import { incidentCard } from "./cards.js";
import { byId, el, keyedList } from "./dom.js";
import { number, plain } from "./format.js";
import { channelItem, serviceKey, serviceRow, sortedServices } from "./rows.js";

/** @typedef {import("../src/shapes.ts").Incident} Incident */
/** @typedef {ReturnType<typeof import("./api.js").createApi>} Api */

const SHOWN_OPEN_MAX = 50;
const SHOWN_RESOLVED_MAX = 10;
const SHOWN_SERVICES_MAX = 200;
/** Open incidents whose deliveries are asked for; the others show them on their own page. */
const DETAILS_MAX = 10;
const SEVERITIES = ["info", "warning", "error", "critical"];

/** Everything: incidents, services, channels. @param {Api} api */
export function createOverview(api) {
  /** @type {Map<string, Incident>} */
  let incidents = new Map();
  let more = false;
  let asked = false;
  /** Incidents that an event brought while a list was on its way: the event is newer than the list. */
  const newer = new Set();
  const unfolded = (/** @type {Incident} */ incident) => incidentCard(incident, { whole: false });
  const openList = keyedList(byId("open-list"), ({ id }) => id, unfolded);
  const resolvedList = keyedList(byId("resolved-list"), ({ id }) => id, unfolded);
  const serviceList = keyedList(byId("services-body"), serviceKey, serviceRow);
  const channelList = keyedList(byId("channels"), ({ name }) => name, channelItem);

  const show = () => {
    const all = [...incidents.values()];
    const open = all.filter(isOpen).sort(worstFirst).slice(0, SHOWN_OPEN_MAX);
    const ended = all.filter((incident) => !isOpen(incident)).sort(latestFirst);
    const resolved = ended.slice(0, SHOWN_RESOLVED_MAX);
    openList(open);
    resolvedList(resolved);
    byId("resolved-section").hidden = resolved.length === 0;
    showOpenCount(open.length, more);
  };

  const refreshIncidents = async () => {
    newer.clear();
    const [open, resolved] = await listIncidents(api);
    const before = incidents;
    incidents = new Map();
    more = open.nextCursor !== null;
    for (const [id, incident] of before) if (newer.has(id)) incidents.set(id, incident);
    for (const incident of [...resolved.incidents, ...open.incidents]) {
      if (newer.has(incident.id)) continue;
      announceChange(before.get(incident.id), incident, asked);
      incidents.set(incident.id, withDeliveries(incident, before.get(incident.id)));
    }
    asked = true;
    show();
  };

  const refreshDeliveries = async (/** @type {{ settledToo: boolean }} */ { settledToo }) => {
    const first = [...incidents.values()].filter(isOpen).sort(worstFirst).slice(0, DETAILS_MAX);
    const wanted = first.filter(({ deliveries }) => settledToo || unsettled(deliveries));
    for (const { id } of wanted) {
      incidents.set(id, await api.get(`/api/v1/incidents/${encodeURIComponent(id)}`));
    }
    if (wanted.length > 0) show();
  };

  return {
    /** @param {{ everything: boolean }} options */
    refresh: async ({ everything }) => {
      const parts = [attempt("services-note", () => refreshServices(api, serviceList))];
      if (everything) {
        parts.push(attempt("channels-note", () => refreshChannels(api, channelList)));
        parts.push(attempt("open-note", refreshIncidents));
      }
      await Promise.all(parts);
      await attempt("open-note", () => refreshDeliveries({ settledToo: everything }));
    },
    /** @param {Incident} incident */
    incident: (incident) => {
      announceChange(incidents.get(incident.id), incident, true);
      newer.add(incident.id);
      incidents.set(incident.id, withDeliveries(incident, incidents.get(incident.id)));
      show();
      attempt("open-note", () => refreshDeliveries({ settledToo: false })).catch(() => null); // A poll says so again.
    },
  };
}

/** The open and the recently resolved. @param {Api} api */
function listIncidents(api) {
  return Promise.all([
    api.get(`/api/v1/incidents?state=open&limit=${SHOWN_OPEN_MAX}`),
    api.get(`/api/v1/incidents?state=resolved&limit=${SHOWN_RESOLVED_MAX}`),
  ]);
}

/** @param {Incident} incident */
function isOpen({ state }) {
  return state === "open";
}

/** @param {number} count @param {boolean} more */
function showOpenCount(count, more) {
  const some = more ? `More than these ${count} are open.` : "";
  note("open-note", count === 0 ? "Nothing is wrong that Tracer can see." : some);
  const suffix = count === 0 ? "" : ` (${count}${more ? "+" : ""})`;
  byId("open-title").textContent = `Open incidents${suffix}`;
  document.title = count === 0 ? "Tracer" : `(${count}) Tracer`;
}

/** @param {Api} api @param {(items: readonly import("../src/shapes.ts").Service[]) => void} list */
async function refreshServices(api, list) {
  const { services, room } = await api.get("/api/v1/services");
  const sorted = sortedServices(services);
  list(sorted.slice(0, SHOWN_SERVICES_MAX));
  byId("services").hidden = sorted.length === 0;
  const hidden = sorted.length - SHOWN_SERVICES_MAX;
  const learning = sorted.length > 0 && sorted.every(({ state }) => state === "learning");
  if (sorted.length === 0)
    note("services-note", "None yet: a service appears with its first record.");
  else if (room?.otherRecords > 0) note("services-note", roomNote(room));
  else if (learning) note("services-note", "Tracer is still learning what is normal here.");
  else note("services-note", hidden > 0 ? `${number(hidden)} more are not shown.` : "");
}

/** @param {import("../src/shapes.ts").ServicesRoom} room */
function roomNote({ seriesMax, otherRecords }) {
  const records = otherRecords === 1 ? "1 record was" : `${number(otherRecords)} records were`;
  return `There are more services than SERIES_MAX (${number(seriesMax)}): ${records} counted under (other).`;
}

/** @param {Api} api @param {(items: readonly import("../src/shapes.ts").Channel[]) => void} list */
async function refreshChannels(api, list) {
  const { channels } = await api.get("/api/v1/channels");
  list(channels);
  byId("channels").hidden = channels.length === 0;
  const silent = channels.every(
    (/** @type {import("../src/shapes.ts").Channel} */ { kind }) => kind === "console",
  );
  note(
    "channels-note",
    silent
      ? "Alerts are printed to Tracer's terminal. Set SLACK_WEBHOOK_URL to have them in Slack."
      : "",
  );
}

/** One incident, in full. @param {Api} api @param {string} id */
export function createFocus(api, id) {
  for (const part of ["hero", "columns", "resolved-section"]) byId(part).hidden = true;
  byId("back").hidden = false;
  byId("open-title").textContent = "Incident";
  const list = keyedList(
    byId("open-list"),
    (/** @type {Incident} */ incident) => incident.id,
    (incident) => incidentCard(incident, { whole: true }),
  );
  /** @type {Incident | undefined} */
  let held;
  const refresh = async () => {
    const incident = await api.get(`/api/v1/incidents/${encodeURIComponent(id)}`);
    announceChange(held, incident, held !== undefined);
    held = incident;
    list([incident]);
    note("open-note", "");
    document.title = `${plain(incident.title, 80)} · Tracer`;
  };
  return {
    refresh: () => attempt("open-note", refresh),
    /** @param {Incident} incident */
    incident: (incident) => {
      if (incident.id === id) attempt("open-note", refresh).catch(() => null); // A poll says so again.
    },
  };
}

/**
 * Runs one look at the API. Its failure is written where the result would stand; 401 is the caller's.
 * @param {string} noteId
 * @param {() => Promise<void>} look
 */
async function attempt(noteId, look) {
  try {
    await look();
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) throw error;
    const reason =
      error instanceof ApiError
        ? plain(error.message).replace(/\.$/, "")
        : "Tracer does not answer";
    note(noteId, `Could not be read: ${reason}. Trying again.`);
  }
}

/** @param {string} id @param {string} text "" hides it */
function note(id, text) {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
  element.hidden = text === "";
}

/** Says to a screen reader what changed. @param {Incident | undefined} before @param {Incident} now @param {boolean} aloud */
function announceChange(before, now, aloud) {
  if (
    !aloud ||
    (before !== undefined && before.state === now.state && before.severity === now.severity)
  )
    return;
  if (before === undefined && now.state !== "open") return;
  const what = now.state === "open" ? `${now.severity} incident` : "resolved";
  byId("announce").replaceChildren(el("span", {}, `${plain(what, 40)}: ${plain(now.title, 200)}`));
}

/**
 * Keeps the deliveries that lists and events leave out, until a change that sends new ones.
 * @param {Incident} incident
 * @param {Incident | undefined} before
 */
function withDeliveries(incident, before) {
  if (incident.deliveries !== undefined || before?.deliveries === undefined) return incident;
  const same = before.state === incident.state && before.severity === incident.severity;
  return same ? { ...incident, deliveries: before.deliveries } : incident;
}

/** @param {readonly import("../src/shapes.ts").Delivery[] | undefined} deliveries */
function unsettled(deliveries) {
  return deliveries === undefined || deliveries.some(({ state }) => state === "pending");
}

/** @param {Incident} a @param {Incident} b */
function worstFirst(a, b) {
  const rank = SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity);
  return rank || (a.openedAt < b.openedAt ? 1 : -1);
}

/** @param {Incident} a @param {Incident} b */
function latestFirst(a, b) {
  return (a.resolvedAt ?? "") < (b.resolvedAt ?? "") ? 1 : -1;
}
