// The operator page: asks the API, follows its events, keeps the page in step.

import { ApiError, createApi, createKeyring } from "./api.js";
import { renewTime } from "./cards.js";
import { byId } from "./dom.js";
import { number } from "./format.js";
import { createFocus, createOverview } from "./views.js";

/** With fewer records than this the command is unfolded: somebody is still trying Tracer out. */
const NEWCOMER_RECORDS_MAX = 100;
const POLL_MS = 5_000;
/** Polls between two looks at what events already tell while the stream is live. */
const SLOW_POLLS = 6;

/** Starts the page. It lives as long as the document. */
function start() {
  const keyring = createKeyring();
  const api = createApi(keyring);
  const view = createView(keyring);
  const focusedId = incidentIdOf(location.pathname);
  const page = focusedId === null ? createOverview(api) : createFocus(api, focusedId);
  let live = false;
  let polling = false;
  let polls = 0;
  let stop = new AbortController();

  const locked = (/** @type {ApiError} */ error) => {
    stop.abort();
    view.askForKey(error);
  };

  const poll = async (/** @type {boolean} */ everything) => {
    if (polling && !everything) return;
    polling = true;
    try {
      await page.refresh({ everything });
      if (!live) view.total(await api.recordsTotal());
    } catch (error) {
      // Anything else has been written on the page, or the next poll meets it again.
      if (error instanceof ApiError && error.status === 401 && !stop.signal.aborted) locked(error);
    } finally {
      polling = false;
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
    api.keysExist().then(view.showCommand, () => null);
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
  const form = byId("key-form");
  const input = /** @type {HTMLInputElement} */ (byId("key"));
  const ticker = createTicker(byId("count"));
  setUpSnippet();

  return {
    /** @param {import("../src/shapes.ts").Counts} counts */
    counts: ({ recordsTotal, recordsPerSecond, services }) => {
      if (Number.isNaN(ticker.shown())) {
        /** @type {HTMLDetailsElement} */ (byId("try")).open = recordsTotal < NEWCOMER_RECORDS_MAX;
      } else if (ticker.shown() === 0 && recordsTotal > 0) {
        byId("try-hint").textContent = "It arrived. Point your log shipper at the same address.";
      }
      byId("hero").classList.toggle("some", recordsTotal > 0);
      ticker.moveTo(recordsTotal);
      const from = `${number(services)} ${services === 1 ? "service" : "services"}`;
      byId("rate").textContent =
        recordsTotal === 0
          ? "Waiting for the first one."
          : `${number(recordsPerSecond)} a second, from ${from}`;
    },
    /** The number alone, while there is no stream. @param {number} recordsTotal */
    total: (recordsTotal) => {
      byId("hero").classList.toggle("some", recordsTotal > 0);
      ticker.moveTo(recordsTotal);
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
    },
    /** @param {boolean} withKey */
    showCommand: (withKey) => {
      byId("curl").textContent = curlOf(withKey);
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

/** A number that counts up to its target within half a second, or at once when that is near. @param {HTMLElement} element */
function createTicker(element) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let shown = Number.NaN;
  let frame = 0;
  const write = (/** @type {number} */ value) => {
    shown = value;
    element.textContent = number(value);
  };
  const moveTo = (/** @type {number} */ target) => {
    cancelAnimationFrame(frame);
    const from = shown;
    const beganMs = performance.now();
    if (!(target - from > 3) || calm.matches || document.hidden) return write(target);
    const tick = (/** @type {number} */ nowMs) => {
      const part = Math.min(1, Math.max(0, (nowMs - beganMs) / 500));
      write(Math.round(from + (target - from) * (1 - (1 - part) ** 3)));
      if (part < 1) frame = requestAnimationFrame(tick);
    };
    frame = requestAnimationFrame(tick);
  };
  return { moveTo, shown: () => shown };
}

/** @param {boolean} withKey */
function curlOf(withKey) {
  // The key itself is never printed: the one for reading is not the one for sending.
  const key = withKey ? ` \\\n  -H "authorization: Bearer $TRACER_INGEST_KEY"` : "";
  return `curl -X POST ${location.origin}/logs \\
  -H 'content-type: application/json'${key} \\
  -d '{"level":"error","service":"checkout","message":"hello Tracer"}'`;
}

function setUpSnippet() {
  const code = byId("curl");
  const button = byId("copy");
  code.textContent = curlOf(false);
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

start();
