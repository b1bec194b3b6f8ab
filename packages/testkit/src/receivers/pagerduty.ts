import { type Answer, field, type Receiver, startReceiver, textField } from "./receiver.ts";

/** An alert by (routing key, dedup key), as PagerDuty has it now. */
export interface PagerdutyAlert {
  readonly routingKey: string;
  readonly dedupKey: string;
  readonly state: "triggered" | "acknowledged" | "resolved";
  /** How often an alert with this key has been opened. */
  readonly opened: number;
  readonly triggers: number;
  readonly summary: string;
  readonly severity: string;
}

/** PagerDuty's Events API v2 on loopback. The only route is `enqueue`. */
export interface FakePagerduty extends Receiver {
  readonly eventsUrl: string;
  readonly routingKey: string;
  readonly alerts: ReadonlyMap<string, PagerdutyAlert>;
}

export interface FakePagerdutyOptions {
  readonly routingKey?: string;
  readonly port?: number;
  /** Told of every event that was taken, in their order. */
  readonly onEvent?: (event: unknown) => void;
}

const SUMMARY_CHARS_MAX = 1_024;
const DEDUP_KEY_CHARS_MAX = 255;
const SEVERITIES = ["critical", "error", "warning", "info"];

export async function startFakePagerduty({
  routingKey = "0123456789abcdef0123456789abcdef",
  port = 0,
  onEvent,
}: FakePagerdutyOptions = {}): Promise<FakePagerduty> {
  const alerts = new Map<string, PagerdutyAlert>();
  const receiver = await startReceiver({
    port,
    routeOf: ({ path }) => (path === "/v2/enqueue" ? "enqueue" : path),
    handle: (request) => {
      if (request.route !== "enqueue") return { status: 404, body: "" };
      const problem = problemOf(request.body, routingKey);
      if (problem !== null) return invalid(problem);
      onEvent?.(request.body);
      return accept(request.body, alerts);
    },
  });
  return { ...receiver, eventsUrl: `${receiver.url}/v2/enqueue`, routingKey, alerts };
}

function accept(event: unknown, alerts: Map<string, PagerdutyAlert>): Answer {
  const routingKey = textField(event, "routing_key");
  const dedupKey = textField(event, "dedup_key") || `generated-${alerts.size + 1}`;
  const action = textField(event, "event_action");
  const key = `${routingKey} ${dedupKey}`;
  const before = alerts.get(key);
  const isOpen = before !== undefined && before.state !== "resolved";
  if (action === "trigger") {
    const payload = field(event, "payload");
    alerts.set(key, {
      routingKey,
      dedupKey,
      state: isOpen ? before.state : "triggered",
      opened: (before?.opened ?? 0) + (isOpen ? 0 : 1),
      triggers: (before?.triggers ?? 0) + 1,
      summary: textField(payload, "summary"),
      severity: textField(payload, "severity"),
    });
  } else if (isOpen) {
    alerts.set(key, { ...before, state: action === "resolve" ? "resolved" : "acknowledged" });
  }
  const body = { status: "success", message: "Event processed", dedup_key: dedupKey };
  return { status: 202, body };
}

function problemOf(event: unknown, routingKey: string): string | null {
  if (textField(event, "routing_key") !== routingKey) return "'routing_key' is invalid";
  const action = textField(event, "event_action");
  if (!["trigger", "acknowledge", "resolve"].includes(action)) return "'event_action' is invalid";
  const dedupKey = textField(event, "dedup_key");
  if (dedupKey.length > DEDUP_KEY_CHARS_MAX) return "'dedup_key' is too long";
  if (action !== "trigger") return dedupKey === "" ? "'dedup_key' is missing" : null;
  const payload = field(event, "payload");
  const summary = textField(payload, "summary");
  if (summary === "" || summary.length > SUMMARY_CHARS_MAX) return "'payload.summary' is invalid";
  if (textField(payload, "source") === "") return "'payload.source' is missing";
  if (!SEVERITIES.includes(textField(payload, "severity"))) return "'payload.severity' is invalid";
  return null;
}

function invalid(problem: string): Answer {
  const body = { status: "invalid event", message: "Event object is invalid", errors: [problem] };
  return { status: 400, body };
}
