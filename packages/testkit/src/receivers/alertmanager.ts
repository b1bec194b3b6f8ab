import { type Answer, field, type Receiver, startReceiver, textField } from "./receiver.ts";

/** An alert as Alertmanager has it: one for each set of labels. */
export interface AlertmanagerAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly generatorUrl: string;
  /** Times that it was pushed. */
  readonly pushes: number;
}

export interface FakeAlertmanagerOptions {
  /** Its own clock, ms since the epoch. Default `Date.now`. */
  readonly now?: () => number;
  /** `user:password` that requests must carry. Default: none is asked for. */
  readonly credentials?: string;
}

/** Alertmanager's API v2 on loopback. Routes: `alerts`, `status`. */
export interface FakeAlertmanager extends Receiver {
  /** Every alert that it has ever been told of. */
  readonly alerts: () => readonly AlertmanagerAlert[];
  /** Those that fire now, by its clock. */
  readonly firing: () => readonly AlertmanagerAlert[];
}

const RESOLVE_TIMEOUT_MS = 300_000;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/u;

export async function startFakeAlertmanager(
  options: FakeAlertmanagerOptions = {},
): Promise<FakeAlertmanager> {
  const { now = Date.now, credentials } = options;
  const known = new Map<string, AlertmanagerAlert>();
  const expected =
    credentials === undefined ? null : `Basic ${Buffer.from(credentials).toString("base64")}`;
  const receiver = await startReceiver({
    routeOf: ({ path }) => path.replace(/^\/api\/v2\//u, ""),
    handle: ({ route, method, headers, body }) => {
      if (expected !== null && headers["authorization"] !== expected) {
        return { status: 401, body: "Unauthorized" };
      }
      if (route === "status") return { status: 200, body: { cluster: { status: "ready" } } };
      if (route !== "alerts" || method !== "POST") return { status: 404, body: "" };
      return push(body, known, now());
    },
  });
  return {
    ...receiver,
    alerts: () => [...known.values()],
    firing: () => [...known.values()].filter(({ endsAtMs }) => endsAtMs > now()),
  };
}

/** All or, as the real one does, those that are valid, and a 400 that names the others. */
function push(body: unknown, known: Map<string, AlertmanagerAlert>, nowMs: number): Answer {
  if (!Array.isArray(body)) return { status: 400, body: '"bad request"' };
  const problems: string[] = [];
  for (const given of body) {
    const alert = alertOf(given, nowMs);
    if (typeof alert === "string") {
      problems.push(alert);
      continue;
    }
    const key = JSON.stringify(Object.entries(alert.labels).toSorted());
    const before = known.get(key);
    // What overlaps with the alert of the same labels is that alert: it began when it first began.
    const goesOn = before !== undefined && before.endsAtMs > alert.startsAtMs;
    known.set(key, {
      ...alert,
      startsAtMs: goesOn ? Math.min(before.startsAtMs, alert.startsAtMs) : alert.startsAtMs,
      pushes: (before?.pushes ?? 0) + 1,
    });
  }
  return problems.length > 0
    ? { status: 400, body: JSON.stringify(problems.join("; ")) }
    : { status: 200, body: "" };
}

function alertOf(given: unknown, nowMs: number): AlertmanagerAlert | string {
  const labels = texts(field(given, "labels"));
  const annotations = texts(field(given, "annotations") ?? {});
  if (labels === null || annotations === null) return "labels and annotations must be text";
  if (Object.keys(labels).length === 0) return "at least one label pair required";
  for (const name of [...Object.keys(labels), ...Object.keys(annotations)]) {
    if (!LABEL.test(name)) return `invalid name "${name}"`;
  }
  const startsAtMs = Date.parse(textField(given, "startsAt")) || nowMs;
  const endsAtMs = Date.parse(textField(given, "endsAt")) || nowMs + RESOLVE_TIMEOUT_MS;
  if (endsAtMs < startsAtMs) return "start time must be before end time";
  const generatorUrl = textField(given, "generatorURL");
  return { labels, annotations, startsAtMs, endsAtMs, generatorUrl, pushes: 0 };
}

/** Null when a value is not text. Empty labels are none. */
function texts(given: unknown): Record<string, string> | null {
  if (typeof given !== "object" || given === null) return null;
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    if (typeof value !== "string") return null;
    if (value !== "") found[name] = value;
  }
  return found;
}
