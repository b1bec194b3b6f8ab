// The public JSON API and its event stream, with the key when there is one.

import { createEventParser } from "./format.js";

/** An answer of the API that is not a success. */
export class ApiError extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const KEY_NAME = "tracer.key";
const ANSWER_TIMEOUT_MS = 10_000;
/** Counts come each second: a stream that is silent for this long is taken for broken. */
const STREAM_SILENCE_MS = 8_000;
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 15_000;

/** The key of this tab: in session storage, or only in memory where storage is forbidden. */
export function createKeyring() {
  let key = "";
  try {
    key = sessionStorage.getItem(KEY_NAME) ?? "";
  } catch {
    // Storage is forbidden: the key lives as long as the page.
  }
  return {
    get: () => key,
    /** @param {string} next "" forgets */
    set: (next) => {
      key = next;
      try {
        if (next === "") sessionStorage.removeItem(KEY_NAME);
        else sessionStorage.setItem(KEY_NAME, next);
      } catch {
        // As above.
      }
    },
  };
}

/** @param {{ get: () => string }} keyring */
export function createApi(keyring) {
  /** @param {string} accept @returns {Record<string, string>} */
  const headers = (accept) => {
    const key = keyring.get();
    return key === "" ? { accept } : { accept, authorization: `Bearer ${key}` };
  };

  /** @param {string} path @param {string} accept @returns {Promise<Response>} */
  const ask = async (path, accept) => {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const response = await fetch(path, { headers: headers(accept), signal, cache: "no-store" });
    if (!response.ok) throw await failureOf(response);
    return response;
  };

  /** The JSON of one route. Throws ApiError, or what fetch throws. @param {string} path */
  const get = async (path) => (await ask(path, "application/json")).json();

  /** Records received, from the metrics: for when there is no stream. */
  const recordsTotal = async () => {
    const text = await (await ask("/metrics", "text/plain")).text();
    const counters = text.matchAll(/^tracer_records_total\{[^}]*result="accepted"[^}]*\} (\S+)/gm);
    let total = 0;
    for (const [, value] of counters) total += Number(value);
    return total;
  };

  /** Whether senders need a key: asked without the one that the browser or this page may hold. */
  const keysExist = async () => {
    const response = await fetch("/api/v1/channels", { credentials: "omit", cache: "no-store" });
    return response.status === 401;
  };

  return { get, recordsTotal, keysExist, follow: createFollower(headers) };
}

/** @param {(accept: string) => Record<string, string>} headers */
function createFollower(headers) {
  /**
   * Follows the event stream until `stop`, opening it again whenever it breaks. `onState` hears "live" and
   * "reconnecting". Returns early, with the error, only when the API asks for a key.
   * @param {object} options
   * @param {(event: { event: string, data: string, id: string | null }) => void} options.onEvent
   * @param {(state: "live" | "reconnecting") => void} options.onState
   * @param {AbortSignal} options.stop
   * @returns {Promise<ApiError | null>}
   */
  return async ({ onEvent, onState, stop }) => {
    let lastId = "";
    let failures = 0;
    while (!stop.aborted) {
      const attempt = new AbortController();
      const watchdog = createWatchdog(attempt, STREAM_SILENCE_MS);
      const signal = AbortSignal.any([attempt.signal, stop]);
      try {
        const resume = lastId === "" ? {} : { "last-event-id": lastId };
        const init = { headers: { ...headers("text/event-stream"), ...resume }, signal };
        const response = await fetch("/api/v1/events", { ...init, cache: "no-store" });
        if (!response.ok || response.body === null) throw await failureOf(response);
        await read(response.body, watchdog.feed, (event) => {
          if (failures >= 0) onState("live");
          failures = -1;
          if (event.id !== null) lastId = event.id;
          onEvent(event);
        });
      } catch (error) {
        if (error instanceof ApiError && (error.status === 401 || error.status === 403))
          return error;
      } finally {
        watchdog.end();
        attempt.abort();
      }
      if (stop.aborted) break;
      failures = Math.max(0, failures) + 1;
      onState("reconnecting");
      const ceiling = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** (failures - 1));
      await pause(ceiling * (0.5 + Math.random() / 2), stop);
    }
    return null;
  };
}

/** @param {Response} response */
async function failureOf(response) {
  /** @type {unknown} */
  const body = await response.json().catch(() => null);
  const said = typeof body === "object" && body !== null && "message" in body ? body.message : null;
  const message = typeof said === "string" ? said : `the answer was ${response.status}`;
  return new ApiError(response.status, message);
}

/**
 * @param {ReadableStream<Uint8Array>} body
 * @param {() => void} alive called at every piece that arrives
 * @param {(event: { event: string, data: string, id: string | null }) => void} onEvent
 */
async function read(body, alive, onEvent) {
  const parser = createEventParser();
  const decoder = new TextDecoder();
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    alive();
    for (const event of parser.feed(decoder.decode(value, { stream: true }))) onEvent(event);
  }
}

/** @param {AbortController} controller @param {number} silenceMs */
function createWatchdog(controller, silenceMs) {
  let timer = setTimeout(() => controller.abort(), silenceMs);
  return {
    feed: () => {
      clearTimeout(timer);
      timer = setTimeout(() => controller.abort(), silenceMs);
    },
    end: () => clearTimeout(timer),
  };
}

/** @param {number} milliseconds @param {AbortSignal} stop */
function pause(milliseconds, stop) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds, null);
    stop.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve(null);
    });
  });
}
