import {
  type FakePagerduty,
  type FakeSlack,
  startFakePagerduty,
  startFakeSlack,
} from "@tracer/testkit";
import type { ChannelSetup } from "./protocol.ts";

/** Something that a provider did because it was asked to. */
export interface Effect {
  /** The name of the channel. */
  readonly channel: string;
  readonly action: "post" | "reply" | "edit" | "trigger" | "resolve";
  /** Of the incident; empty when the message names none. */
  readonly incidentId: string;
  /** Slack only; else empty. */
  readonly deliveryId: string;
  /** Slack only: which change of the incident it shows. */
  readonly revision: number;
  readonly state: "open" | "resolved";
  /** Says of itself that it may be a second copy. */
  readonly marked: boolean;
  /** When it happened, in ms by this machine's clock. */
  readonly atMs: number;
  /** All of a message that names no incident; else empty. */
  readonly text: string;
}

export interface SinkOptions {
  /** Slack channels, default 1. */
  readonly slackChannels?: number;
  /** Default 1. */
  readonly pagerdutyServices?: number;
  /** True: incidents that belong together share a message, and the book has an effect for each. Default false. */
  readonly groups?: boolean;
  /** True: one of each, named as `tracer start` names them. Default false. */
  readonly plainNames?: boolean;
}

/** The second book, and the providers that write it: Slack and PagerDuty on loopback. */
export interface Sink extends AsyncDisposable {
  readonly slack: FakeSlack;
  readonly pagerduty: FakePagerduty;
  readonly channels: readonly ChannelSetup[];
  /** What happened, in order. */
  readonly effects: readonly Effect[];
}

const ROUTING_KEY = "0123456789abcdef0123456789abcdef";

export async function startSink(options: SinkOptions = {}): Promise<Sink> {
  const { slackChannels = 1, pagerdutyServices = 1, plainNames = false, groups = false } = options;
  await using stack = new AsyncDisposableStack();
  const effects: Effect[] = [];
  const names = new Map<string, string>(); // Slack's id → the channel's name.
  const told = new Set<string>(); // Incident and channel, where incidents share messages.
  const onCall = (method: string, args: unknown) => {
    const effect = slackEffect(method, args, names);
    if (effect === null) return;
    effects.push(...(groups ? memberEffects(effect, args, told) : [effect]));
  };
  const slack = stack.use(await startFakeSlack({ onCall }));
  const channels: ChannelSetup[] = [];
  for (let index = 1; index <= slackChannels; index += 1) {
    const [name, target] = [plainNames ? "slack" : `slack-${index}`, `C0SINK${index}`];
    names.set(target, name);
    channels.push({ kind: "slack", name, url: slack.apiUrl, target, groups });
  }
  // A service of PagerDuty is a place of its own: the same key in two of them is two alerts.
  const services: FakePagerduty[] = [];
  for (let index = 1; index <= pagerdutyServices; index += 1) {
    const name = plainNames ? "pagerduty" : `pagerduty-${index}`;
    const onEvent = (event: unknown) => effects.push(pagerdutyEffect(event, name));
    const service = await startFakePagerduty({ routingKey: ROUTING_KEY, onEvent });
    services.push(stack.use(service));
    const url = service.eventsUrl;
    channels.push({ kind: "pagerduty", name, url, target: ROUTING_KEY, groups: false });
  }
  const [pagerduty] = services;
  if (pagerduty === undefined) throw new Error("A sink has at least one PagerDuty service.");
  const owned = stack.move();
  return {
    ...{ slack, pagerduty, channels, effects },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function slackEffect(
  method: string,
  args: unknown,
  names: ReadonlyMap<string, string>,
): Effect | null {
  if (method !== "chat.postMessage" && method !== "chat.update") return null;
  const payload = fieldOf(fieldOf(args, "metadata"), "event_payload");
  const isReply = textOf(args, "thread_ts") !== "";
  const incidentId = textOf(payload, "incident_id");
  return {
    channel: names.get(textOf(args, "channel")) ?? "",
    action: method === "chat.update" ? "edit" : isReply ? "reply" : "post",
    incidentId,
    deliveryId: textOf(payload, "delivery_id"),
    revision: Number(fieldOf(payload, "revision") ?? 0),
    state: textOf(payload, "status") === "resolved" ? "resolved" : "open",
    marked: textOf(args, "text").includes("may be a repeat"),
    atMs: Date.now(),
    text: incidentId === "" ? JSON.stringify(args) : "",
  };
}

/**
 * A message of several incidents, as one effect for each. Where one is told for the first time, that is its message:
 * by an edit of that of the others, or in answer to it.
 */
function memberEffects(effect: Effect, args: unknown, told: Set<string>): Effect[] {
  const payload = fieldOf(fieldOf(args, "metadata"), "event_payload");
  const members = fieldOf(payload, "members");
  const named = Array.isArray(members) ? members.map(String) : [];
  const all =
    named.length === 0
      ? [effect]
      : named.map((text): Effect => {
          const [incidentId = "", state] = text.split(" ");
          return { ...effect, incidentId, state: state === "resolved" ? "resolved" : "open" };
        });
  return all.map((one): Effect => {
    const name = `${one.incidentId} ${one.channel}`;
    const isFirst = one.incidentId !== "" && !told.has(name);
    told.add(name);
    return isFirst ? { ...one, action: "post" } : one;
  });
}

function pagerdutyEffect(event: unknown, channel: string): Effect {
  const resolves = textOf(event, "event_action") === "resolve";
  const key = /^tracer:([0-9a-f]{32}):(\d+)$/.exec(textOf(event, "dedup_key"));
  return {
    channel,
    action: resolves ? "resolve" : "trigger",
    incidentId: key === null ? "" : `inc_${key[1]}-${key[2]}`,
    deliveryId: "",
    revision: 0,
    state: resolves ? "resolved" : "open",
    marked: false,
    atMs: Date.now(),
    text: key === null ? JSON.stringify(event) : "",
  };
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}

function textOf(value: unknown, name: string): string {
  const found = fieldOf(value, name);
  return typeof found === "string" ? found : "";
}
