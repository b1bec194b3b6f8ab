import { effect, type Signal, signal } from "@preact/signals";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { type Api, ApiError, createApi } from "../api/client.ts";
import { countsOf } from "../api/metrics.ts";
import type { Counts, Incident, IncidentPage } from "../api/shapes.ts";
import { follow } from "../api/stream.ts";
import { plain } from "../format.ts";
import { createPreferences, type Preferences } from "./preferences.ts";
import { type Route, routeOf } from "./route.ts";

export type LinkState = "connecting" | "live" | "reconnecting" | "locked";

/** What all pages share. One for the life of the document. */
export interface App {
  readonly api: Api;
  /** Pathname at which Tracer's own begin, with a slash at the end. */
  readonly root: string;
  readonly route: Signal<Route>;
  readonly link: Signal<LinkState>;
  readonly counts: Signal<Counts | null>;
  /** Grows when incidents may have changed: by an event, an own act, or because the stream came back. */
  readonly changed: Signal<number>;
  /** This machine's time, renewed each second. */
  readonly nowMs: Signal<number>;
  /** Why a key is asked for; null while none is. */
  readonly locked: Signal<string | null>;
  /** Whether senders need a key. */
  readonly needsKey: Signal<boolean>;
  readonly preferences: Preferences;
  readonly href: (path: string) => string;
  readonly navigate: (path: string) => void;
  /** A call was refused for want of a key: asks for one. False: it was something else. */
  readonly refused: (error: unknown) => boolean;
  /** After a login: goes on. */
  readonly unlock: () => void;
}

const AppContext = createContext<App | null>(null);
export const AppProvider = AppContext.Provider;

export function useApp(): App {
  const app = useContext(AppContext);
  if (app === null) throw new Error("no app around this component");
  return app;
}

const TICK_MS = 1_000;
/** While there is no stream the counts are asked for this often. */
const COUNTS_MS = 3_000;
/** Events in quick succession are one change: a storm must not make a page ask all the time. */
const CHANGE_MS = 250;

/** Starts what lives as long as the document: the stream, the clock, the address. */
export function startApp(rootUrl: URL): App {
  const root = rootUrl.pathname;
  const api = createApi(rootUrl.href);
  const here = () => routeOf(location.pathname, location.search, root);
  const route = signal(here());
  const link = signal<LinkState>("connecting");
  const counts = signal<Counts | null>(null);
  const changed = signal(0);
  const nowMs = signal(Date.now());
  const locked = signal<string | null>(null);
  const needsKey = signal(false);
  const preferences = createPreferences();
  let stop = new AbortController();

  const refused = (error: unknown) => {
    const isRefused = error instanceof ApiError && error.status === 401;
    if (isRefused && locked.value === null) {
      stop.abort();
      link.value = "locked";
      locked.value = error.code === "KEY_MISSING" ? "" : error.message;
    }
    return isRefused;
  };
  const run = async () => {
    stop = new AbortController();
    const change = throttled(() => {
      changed.value += 1;
    }, CHANGE_MS);
    const path = `api/v1/incidents?limit=${KNOWN_MAX}`;
    const known = await api.get<IncidentPage>(path).catch(() => ({ incidents: [] }));
    const announce = createAnnouncer(known.incidents);
    const failure = await follow({
      api,
      stop: stop.signal,
      onState: (state) => {
        if (state === "live" && link.value !== "live") change(); // What happened while it was away.
        link.value = state;
      },
      onEvent: ({ event, data }) => {
        if (event === "counts") counts.value = JSON.parse(data);
        if (event !== "incident") return;
        announce(JSON.parse(data));
        change();
      },
    });
    if (failure !== null && !refused(failure)) link.value = "reconnecting";
  };
  const navigate = (path: string) => {
    history.pushState(null, "", root + path);
    route.value = here();
    scrollTo(0, 0);
  };
  addEventListener("popstate", () => {
    route.value = here();
  });
  setInterval(() => {
    if (!document.hidden) nowMs.value = Date.now();
  }, TICK_MS);
  setInterval(async () => {
    if (document.hidden || link.value !== "reconnecting") return;
    const metrics = await api.open("metrics", {}).catch(() => null);
    if (metrics !== null) counts.value = countsOf(await metrics.text());
  }, COUNTS_MS);
  effect(() => preferences.apply());
  void run();
  void asksForKey(rootUrl).then((isNeeded) => {
    needsKey.value = isNeeded;
  });
  return {
    ...{ api, root, route, link, counts, changed, nowMs, locked, needsKey, preferences },
    ...{ navigate, refused },
    href: (path) => root + path,
    unlock: () => {
      locked.value = null;
      link.value = "connecting";
      changed.value += 1;
      void run();
    },
  };
}

/** Asked without the key that this browser may hold. */
async function asksForKey(rootUrl: URL): Promise<boolean> {
  const ask = fetch(`${rootUrl.href}api/v1/channels`, { credentials: "omit", cache: "no-store" });
  return ask.then(({ status }) => status === 401).catch(() => false);
}

/** At once, then at most each `ms`, with one more at the end of what came meanwhile. */
function throttled(call: () => void, ms: number): () => void {
  let timer = 0;
  let isDue = false;
  const end = () => {
    timer = 0;
    if (!isDue) return;
    isDue = false;
    go();
  };
  const go = () => {
    call();
    timer = window.setTimeout(end, ms);
  };
  return () => {
    if (timer === 0) go();
    else isDue = true;
  };
}

/** Says to a screen reader what opened, grew worse or ended; not what was so when the page was opened. */
function createAnnouncer(known: readonly Incident[]): (incident: Incident) => void {
  const looksOf = ({ state, severity }: Incident) => `${state} ${severity}`;
  const told = new Map(known.map((incident) => [incident.id, looksOf(incident)]));
  return (incident) => {
    const { id, state, severity, title } = incident;
    const looks = looksOf(incident);
    if (told.get(id) === looks) return;
    told.set(id, looks);
    if (told.size > TOLD_MAX) told.delete(told.keys().next().value ?? "");
    const element = document.getElementById("announce");
    if (element === null) return;
    const what = state === "open" ? `${severity} incident` : "resolved";
    element.textContent = `${plain(what, 40)}: ${plain(title, 200)}`;
  };
}
const TOLD_MAX = 1_000;
/** A server that had no listener tells the first one of as many as this. */
const KNOWN_MAX = 50;
