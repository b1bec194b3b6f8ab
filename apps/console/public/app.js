// The operator page: asks the API, follows its events, keeps the page in step.

import { ApiError, createApi, createKeyring } from "./api.js";
import { incidentCard, renewTime } from "./cards.js";
import { byId, el, keyedList } from "./dom.js";
import { number, plain } from "./format.js";
import { channelItem, serviceKey, serviceRow, sortedServices } from "./rows.js";

/** @typedef {import("../src/shapes.ts").Incident} Incident */

const SHOWN_OPEN_MAX = 50;
const SHOWN_RESOLVED_MAX = 10;
const SHOWN_SERVICES_MAX = 200;
/** Open incidents whose deliveries are asked for; the others show them on their own page. */
const DETAILS_MAX = 10;
const POLL_MS = 5_000;
/** Polls between two looks at what events already tell while the stream is live. */
const SLOW_POLLS = 6;
const SEVERITIES = ["info", "warning", "error", "critical"];

/** Starts the page. It lives as long as the document. */
function start() {
  const keyring = createKeyring();
  const api = createApi(keyring);
  const view = createView(keyring);
  const focusedId = incidentIdOf(location.pathname);
  const page = focusedId === null ? createOverview(api, view) : createFocus(api, view, focusedId);
  let live = false;
  let polls = 0;
  let stop = new AbortController();

  const locked = (/** @type {ApiError} */ error) => {
    stop.abort();
    view.askForKey(error);
  };

  const poll = async (/** @type {boolean} */ everything) => {
    try {
      await page.refresh({ everything });
    } catch (error) {
      if (error instanceof ApiError && error.status === 401 && !stop.signal.aborted) locked(error);
    }
  };

  const run = async () => {
    stop = new AbortController();
    view.unlock();
    const { signal } = stop;
    const onState = (/** @type {"live" | "reconnecting"} */ state) => {
      if (state === "live" && !live) poll(true); // What happened while the stream was away.
      live = state === "live";
      view.linkState(state);
    };
    const onEvent = (/** @type {{ event: string, data: string }} */ { event, data }) => {
      if (event === "counts") view.counts(JSON.parse(data));
      if (event === "incident") page.incident(JSON.parse(data));
    };
    poll(true);
    const refused = await api.follow({ onEvent, onState, stop: signal });
    if (refused !== null && !signal.aborted) locked(refused);
  };

  setInterval(() => {
    if (stop.signal.aborted || document.hidden) return;
    polls += 1;
    poll(!live || polls % SLOW_POLLS === 0);
  }, POLL_MS);
  setInterval(() => {
    for (const time of document.querySelectorAll("time")) renewTime(time, Date.now());
  }, 1_000);
  view.onKey((key) => {
    keyring.set(key);
    if (key !== "") run();
    else location.reload();
  });
  run();
}

/** The incident that the address names, or null for the overview. @param {string} path */
function incidentIdOf(path) {
  const match = /^\/i\/([^/]+)\/?$/.exec(path);
  if (match?.[1] === undefined) return null;
  try {
    return decodeURIComponent(match[1]);
  } catch {
    return match[1];
  }
}

/** What all views share: the number, the state of the link, the key form. @param {{ get: () => string }} keyring */
function createView(keyring) {
  const count = byId("count");
  const form = byId("key-form");
  const input = /** @type {HTMLInputElement} */ (byId("key"));
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let shown = Number.NaN;
  let frame = 0;
  setUpSnippet(keyring);

  /** Counts up to the target within half a second, or at once when it is near. @param {number} target */
  const moveTo = (target) => {
    cancelAnimationFrame(frame);
    const from = shown;
    const beganMs = performance.now();
    const write = (/** @type {number} */ value) => {
      shown = value;
      count.textContent = number(value);
    };
    if (!(target - from > 3) || calm.matches || document.hidden) return write(target);
    const tick = (/** @type {number} */ nowMs) => {
      const part = Math.min(1, Math.max(0, (nowMs - beganMs) / 500));
      write(Math.round(from + (target - from) * (1 - (1 - part) ** 3)));
      if (part < 1) frame = requestAnimationFrame(tick);
    };
    frame = requestAnimationFrame(tick);
  };

  return {
    /** @param {import("../src/shapes.ts").Counts} counts */
    counts: ({ recordsTotal, recordsPerSecond, services }) => {
      if (Number.isNaN(shown)) {
        /** @type {HTMLDetailsElement} */ (byId("try")).open = recordsTotal === 0;
      } else if (shown === 0 && recordsTotal > 0) {
        byId("try-hint").textContent = "It arrived. Point your log shipper at the same address.";
      }
      byId("hero").classList.toggle("some", recordsTotal > 0);
      moveTo(recordsTotal);
      const from = `${number(services)} ${services === 1 ? "service" : "services"}`;
      byId("rate").textContent =
        recordsTotal === 0
          ? "Waiting for the first one."
          : `${number(recordsPerSecond)} a second, from ${from}`;
    },
    /** @param {"live" | "reconnecting"} state */
    linkState: (state) => {
      const element = byId("link-state");
      element.dataset["state"] = state;
      element.textContent = state === "live" ? "live" : "reconnecting…";
    },
    /** @param {ApiError} error */
    askForKey: (error) => {
      form.hidden = false;
      byId("content").hidden = true;
      byId("link-state").textContent = "locked";
      byId("link-state").dataset["state"] = "locked";
      const refused = error.status === 403 ? "This key may not read." : "This key is not known.";
      byId("key-error").textContent = keyring.get() === "" ? "" : refused;
      input.value = "";
      input.focus();
    },
    unlock: () => {
      form.hidden = true;
      byId("content").hidden = false;
      byId("forget").hidden = keyring.get() === "";
      byId("curl").textContent = curlOf(keyring);
    },
    /** @param {(key: string) => void} listen hears a new key, "" when it is to be forgotten */
    onKey: (listen) => {
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        if (input.value.trim() !== "") listen(input.value.trim());
      });
      byId("forget").addEventListener("click", () => listen(""));
    },
  };
}

/** @param {{ get: () => string }} keyring */
function curlOf(keyring) {
  // The key itself is never printed: the one for reading is not the one for sending.
  const key = keyring.get() === "" ? "" : ` \\\n  -H "authorization: Bearer $TRACER_INGEST_KEY"`;
  return `curl -X POST ${location.origin}/logs \\
  -H 'content-type: application/json'${key} \\
  -d '{"level":"error","service":"checkout","message":"hello Tracer"}'`;
}

/** @param {{ get: () => string }} keyring */
function setUpSnippet(keyring) {
  const code = byId("curl");
  const button = byId("copy");
  code.textContent = curlOf(keyring);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent ?? "");
      button.textContent = "Copied";
    } catch {
      // No clipboard on a plain http address: select it, so that the keyboard's own copy works.
      getSelection()?.selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => {
      button.textContent = "Copy";
    }, 2_000);
  });
}

/** @typedef {ReturnType<typeof createApi>} Api */
/** @typedef {ReturnType<typeof createView>} View */

/** Everything: incidents, services, channels. @param {Api} api @param {View} _view */
function createOverview(api, _view) {
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
    const open = all
      .filter(({ state }) => state === "open")
      .sort(worstFirst)
      .slice(0, SHOWN_OPEN_MAX);
    const resolved = all
      .filter(({ state }) => state !== "open")
      .sort(latestFirst)
      .slice(0, SHOWN_RESOLVED_MAX);
    openList(open);
    resolvedList(resolved);
    byId("resolved-section").hidden = resolved.length === 0;
    note(
      "open-note",
      open.length === 0
        ? "Nothing is wrong that Tracer can see."
        : more
          ? `More than these ${open.length} are open.`
          : "",
    );
    byId("open-title").textContent =
      open.length === 0 ? "Open incidents" : `Open incidents (${open.length}${more ? "+" : ""})`;
    document.title = open.length === 0 ? "Tracer" : `(${open.length}) Tracer`;
  };

  const refreshIncidents = async () => {
    newer.clear();
    const [open, resolved] = await Promise.all([
      api.get(`/api/v1/incidents?state=open&limit=${SHOWN_OPEN_MAX}`),
      api.get(`/api/v1/incidents?state=resolved&limit=${SHOWN_RESOLVED_MAX}`),
    ]);
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

  const refreshDeliveries = async () => {
    const open = [...incidents.values()].filter(({ state }) => state === "open").sort(worstFirst);
    const wanted = open.slice(0, DETAILS_MAX).filter(({ deliveries }) => unsettled(deliveries));
    for (const { id } of wanted) {
      const incident = await api.get(`/api/v1/incidents/${encodeURIComponent(id)}`);
      incidents.set(id, incident);
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
      await attempt("open-note", refreshDeliveries);
    },
    /** @param {Incident} incident */
    incident: (incident) => {
      announceChange(incidents.get(incident.id), incident, true);
      newer.add(incident.id);
      incidents.set(
        incident.id,
        incident.deliveries ? incident : withDeliveries(incident, undefined),
      );
      show();
      attempt("open-note", refreshDeliveries).catch(() => null); // A poll says so again.
    },
  };
}

/** @param {Api} api @param {(items: readonly import("../src/shapes.ts").Service[]) => void} list */
async function refreshServices(api, list) {
  const { services } = await api.get("/api/v1/services");
  const sorted = sortedServices(services);
  list(sorted.slice(0, SHOWN_SERVICES_MAX));
  byId("services").hidden = sorted.length === 0;
  const hidden = sorted.length - SHOWN_SERVICES_MAX;
  const learning = sorted.length > 0 && sorted.every(({ state }) => state === "learning");
  if (sorted.length === 0)
    note("services-note", "None yet: a service appears with its first record.");
  else if (learning) note("services-note", "Tracer is still learning what is normal here.");
  else note("services-note", hidden > 0 ? `${number(hidden)} more are not shown.` : "");
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

/** One incident, in full. @param {Api} api @param {View} _view @param {string} id */
function createFocus(api, _view, id) {
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
    const reason = error instanceof ApiError ? plain(error.message) : "Tracer does not answer";
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

/** Keeps the deliveries that a list leaves out. @param {Incident} incident @param {Incident | undefined} before */
function withDeliveries(incident, before) {
  if (incident.deliveries !== undefined || before?.deliveries === undefined) return incident;
  return before.state === incident.state
    ? { ...incident, deliveries: before.deliveries }
    : incident;
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

start();
