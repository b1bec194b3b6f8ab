import { type DeliveryTask, type DigestEntry, TracerError, type Verdict } from "@tracer/core";
import {
  type Channel,
  checked,
  DEFAULT_TIMINGS,
  type Finding,
  guarded,
  type OpenIncident,
  SENT_NOTHING,
  type Timings,
} from "../channel.ts";
import { type HttpReply, reasonText, request } from "../http.ts";
import {
  type Alert,
  endedAlert,
  firingAlert,
  formerSeverities,
  labelsOf,
  noticeAlert,
} from "./alert.ts";

export interface AlertmanagerChannelOptions {
  readonly name?: string;
  /** Base URLs of all replicas, separated by commas; `user:password@` in one is sent as Basic. */
  readonly url: string;
  /** Now, in ms since the epoch: when alerts end. Default: the wall clock. */
  readonly nowMs?: () => number;
  readonly timings?: Partial<Timings>;
}

/** Replicas of one channel. */
export const REPLICAS_MAX = 10;
/** Alerts in one request. */
const ALERTS_MAX = 500;
/** What is told of Tracer itself ends by itself after this. */
const NOTICE_MS = 24 * 3_600_000;

/**
 * Alertmanager's API v2, on every replica: they do not tell each other of alerts. An alert lapses unless `refresh` says it
 * again each minute. One replica that takes an alert is enough: the others get it with the next refresh.
 * Throws CONFIG_INVALID.
 */
export function alertmanagerChannel(options: AlertmanagerChannelOptions): Channel {
  const { name = "alertmanager", nowMs = Date.now } = options;
  const timings = { ...DEFAULT_TIMINGS, ...options.timings };
  const replicas = parseReplicas(options.url);
  if (replicas === null)
    throw new TracerError("CONFIG_INVALID", "ALERTMANAGER_URL is no list of http or https URLs");
  const push = (alerts: readonly Alert[], signal: AbortSignal) =>
    pushAll(alerts, { replicas, timeoutMs: timings.requestMs }, signal);
  return {
    name,
    kind: "alertmanager",
    ownAlone: false,
    fixOf: alertmanagerFix,
    check: checked(
      (signal) =>
        Promise.all(replicas.map((replica) => replicaFinding(replica, timings.requestMs, signal))),
      timings,
    ),
    send: guarded(async (task, signal): Promise<Verdict> => {
      const alerts = alertsOf(task, nowMs());
      if (alerts.length === 0) return SENT_NOTHING;
      const verdict = await push(alerts, signal);
      if (verdict.kind !== "sent") return verdict;
      return { kind: "sent", receipt: { ...verdict.receipt, severity: task.incident.severity } };
    }, timings),
    sendDigest: guarded(async (task, signal): Promise<Verdict> => {
      const alerts = task.entries.map((entry) => entryAlert(entry, task.link, nowMs()));
      const verdict = await push(alerts, signal);
      if (verdict.kind !== "sent") return verdict;
      return { kind: "sent", receipt: { ...verdict.receipt, digest: task.id } };
    }, timings),
    sendNotice: guarded(
      (notice, signal) => push([noticeAlert(notice, nowMs(), NOTICE_MS)], signal),
      timings,
    ),
    refresh: guarded((incidents: readonly OpenIncident[], signal): Promise<Verdict> => {
      const alerts = incidents.map(({ incident, link }) =>
        firingAlert(incident, { link, nowMs: nowMs() }),
      );
      return push(alerts, signal);
    }, timings),
  };
}

/** A base URL and what is sent to it for authorization. */
interface Replica {
  readonly url: string;
  /** Host and port: it may be shown. */
  readonly host: string;
  readonly authorization: string | null;
}

/** Null: one of them is no http or https URL, or there are none, or more than REPLICAS_MAX. */
export function parseReplicas(text: string): readonly Replica[] | null {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.length > REPLICAS_MAX) return null;
  const replicas: Replica[] = [];
  for (const part of parts) {
    const url = URL.parse(part);
    if (url === null || !/^https?:$/u.test(url.protocol)) return null;
    const { username } = url;
    const credentials = credentialsOf(url);
    if (credentials === null) return null;
    const basic = `Basic ${Buffer.from(credentials).toString("base64")}`;
    url.username = "";
    url.password = "";
    url.search = "";
    url.hash = "";
    replicas.push({
      url: url.href.replace(/\/+$/u, ""),
      host: url.host,
      authorization: username === "" ? null : basic,
    });
  }
  return replicas;
}

function credentialsOf({ username, password }: URL): string | null {
  try {
    return `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  } catch {
    return null; // A lone per cent sign.
  }
}

/** What a change means to Alertmanager; nothing: it need not hear of it. */
function alertsOf(task: DeliveryTask, nowMs: number): Alert[] {
  const { incident, action, receipt, link } = task;
  const former = formerSeverities(receipt?.["severity"], incident.severity).map((severity) =>
    endedAlert(incident, { link, nowMs, severity }),
  );
  if (action === "resolve") {
    // Without a receipt an attempt may have arrived all the same; ending what is not there is harmless.
    return [...former, endedAlert(incident, { link, nowMs, severity: incident.severity })];
  }
  return [...former, firingAlert(incident, { link, nowMs })];
}

/** Of one among many; the next refresh brings the rest of what there is to say. */
function entryAlert(entry: DigestEntry, link: string, nowMs: number): Alert {
  const lastsMs = entry.action === "resolve" ? 0 : 240_000;
  const now = new Date(nowMs).toISOString();
  return {
    labels: labelsOf(entry),
    annotations: { summary: reasonText(entry.title), incident_id: entry.id },
    startsAt: now,
    endsAt: new Date(nowMs + lastsMs).toISOString(),
    ...(URL.canParse(link) ? { generatorURL: link } : {}),
  };
}

interface PushOptions {
  readonly replicas: readonly Replica[];
  readonly timeoutMs: number;
}

/** To every replica at once. Sent when one has taken all; else the verdict that promises most. */
async function pushAll(
  alerts: readonly Alert[],
  { replicas, timeoutMs }: PushOptions,
  signal: AbortSignal,
): Promise<Verdict> {
  const verdicts = await Promise.all(
    replicas.map(async ({ url, authorization }) => {
      let verdict: Verdict = SENT_NOTHING;
      for (let at = 0; at < alerts.length && verdict.kind === "sent"; at += ALERTS_MAX) {
        const headers = { "content-type": "application/json" };
        const options = {
          url: `${url}/api/v2/alerts`,
          method: "POST" as const,
          headers: authorization === null ? headers : { ...headers, authorization },
          body: JSON.stringify(alerts.slice(at, at + ALERTS_MAX)),
          timeoutMs,
        };
        verdict = alertmanagerVerdict(await request(options, signal));
      }
      return verdict;
    }),
  );
  const taken = verdicts.filter(({ kind }) => kind === "sent").length;
  if (taken > 0) return { kind: "sent", receipt: { replicas: `${taken} of ${replicas.length}` } };
  for (const kind of ["ambiguous", "retry", "reconnect"] as const) {
    const found = verdicts.find((verdict) => verdict.kind === kind);
    if (found !== undefined) return found;
  }
  return verdicts[0] ?? { kind: "permanent", reason: "no_replica" };
}

/** What a replica's answer means. An alert is its labels, so a repeat is harmless. */
export function alertmanagerVerdict(reply: HttpReply): Verdict {
  if (reply.kind === "not_sent") return { kind: "retry", reason: reply.reason, afterMs: null };
  if (reply.kind === "unknown") return { kind: "ambiguous", reason: reply.reason };
  const { status, retryAfterMs, text } = reply;
  const reason = `http_${status}`;
  if (status >= 200 && status < 300) return SENT_NOTHING;
  if (status === 429 || status === 503) return { kind: "retry", reason, afterMs: retryAfterMs };
  if (status === 408 || status >= 500) return { kind: "ambiguous", reason };
  if (status === 401 || status === 403) return { kind: "reconnect", reason };
  return { kind: "permanent", reason: reasonText(`${reason} ${text}`) };
}

async function replicaFinding(
  { url, host, authorization }: Replica,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Finding> {
  const what = `replica ${host}`;
  const reply = await request(
    {
      url: `${url}/api/v2/status`,
      method: "GET",
      headers: authorization === null ? {} : { authorization },
      timeoutMs,
    },
    signal,
  );
  const verdict = alertmanagerVerdict(reply);
  if (verdict.kind === "sent") return { what, state: "ok", detail: "answers", fix: null };
  return { what, state: "failed", detail: verdict.reason, fix: alertmanagerFix(verdict.reason) };
}

function alertmanagerFix(reason: string): string | null {
  if (/http_40[13]/u.test(reason)) {
    return "Alertmanager refuses us: put user:password@ into ALERTMANAGER_URL";
  }
  if (/http_404/u.test(reason)) {
    return "ALERTMANAGER_URL must be what stands before /api/v2, with its --web.route-prefix";
  }
  if (/ECONNREFUSED|ENOTFOUND/u.test(reason)) {
    return "nothing answers there: check the hosts and ports of ALERTMANAGER_URL";
  }
  return null;
}
