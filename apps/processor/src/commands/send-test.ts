import { randomUUID } from "node:crypto";
import {
  type DeliveryAction,
  type DeliveryTask,
  type Evidence,
  fingerprintOf,
  type Incident,
  incidentIdOf,
  systemClock,
  TracerError,
  type Verdict,
} from "@tracer/core";
import type { Channel } from "@tracer/notify";
import { CONSOLE, makeChannel } from "../channels.ts";
import { readConfig } from "../config.ts";
import { Exit } from "../exit.ts";
import type { CommandContext } from "./context.ts";

/**
 * Sends a message that is marked as a test through each configured channel, or the one that is named, and then
 * resolves it. Prints the provider's answer and how long it took; 1 when any of them failed.
 */
export async function sendTest(
  context: CommandContext,
  { channel: name }: { channel?: string },
): Promise<Exit> {
  const { environment, stdout, color, stop } = context;
  const config = readConfig(environment);
  const print = async (text: string) => void stdout.write(text);
  const specs = config.channels.length > 0 ? config.channels : [CONSOLE];
  const channels = specs.map((spec) => makeChannel(spec, { print, color: color(stdout) }));
  const chosen = channels.filter((channel) => name === undefined || channel.name === name);
  if (chosen.length === 0) {
    const known = channels.map((channel) => channel.name).join(", ");
    throw new TracerError("CHANNEL_UNKNOWN", `There is no channel ${name}; configured: ${known}.`);
  }
  const link = config.publicUrl ?? `http://${config.host}:${config.port}`;
  let failed = false;
  for (const channel of chosen) {
    const sent = await attempt(channel, aTask("test", { link, receipt: null }), context);
    failed ||= sent.kind !== "sent";
    if (sent.kind === "sent" && !stop.aborted) {
      const ended = await attempt(
        channel,
        aTask("resolve", { link, receipt: sent.receipt }),
        context,
      );
      failed ||= ended.kind !== "sent";
    }
    await channel.close?.();
  }
  return failed ? Exit.failed : Exit.ok;
}

async function attempt(
  channel: Channel,
  task: DeliveryTask,
  { stdout, stop }: CommandContext,
): Promise<Verdict> {
  const startedMs = systemClock.monotonicMs();
  const verdict = await channel.send(task, stop);
  const tookMs = Math.round(systemClock.monotonicMs() - startedMs);
  stdout.write(`${channel.name}: ${task.action} ${answerOf(verdict)} in ${tookMs} ms\n`);
  return verdict;
}

function answerOf(verdict: Verdict): string {
  switch (verdict.kind) {
    case "sent": {
      const receipt = Object.entries(verdict.receipt ?? {}).map(
        ([key, value]) => `${key} ${value}`,
      );
      return receipt.length === 0 ? "sent" : `sent (${receipt.join(", ")})`;
    }
    case "retry":
      return `was not taken: ${verdict.reason}; it would be tried again`;
    case "ambiguous":
      return `ended without an answer: ${verdict.reason}; it may have arrived`;
    case "permanent":
      return `was refused: ${verdict.reason}${hintOf(verdict.reason)}`;
    case "reconnect":
      return `was refused: ${verdict.reason}; the key or the connection has to be renewed`;
    default:
      return verdict satisfies never;
  }
}

/** What to do about the answers that newcomers meet. */
function hintOf(reason: string): string {
  if (/not_in_channel/.test(reason)) return "; invite the bot: /invite @name in the channel";
  if (/channel_not_found/.test(reason))
    return "; give the channel's id (C…), and invite the bot to it";
  if (/missing_scope/.test(reason)) return "; the bot token needs the scope chat:write";
  return "";
}

function aTask(
  action: DeliveryAction,
  { link, receipt }: Pick<DeliveryTask, "link" | "receipt">,
): DeliveryTask {
  return {
    deliveryId: randomUUID(),
    action,
    seq: action === "test" ? 1 : 2,
    incident: anIncident(action),
    link,
    receipt,
    uncertain: false,
    ...{ unknownEnds: 0, unknownMs: 0, attempts: 0 },
  };
}

function anIncident(action: DeliveryAction): Incident {
  const names = { project: "default", environment: "", service: "tracer-test" };
  const key = { ...names, kind: "error", part: "" } as const;
  const fingerprint = fingerprintOf(key);
  const at = new Date(systemClock.wallMs()).toISOString();
  const ended = action === "resolve";
  return {
    ...key,
    id: incidentIdOf(fingerprint, 1),
    fingerprint,
    epoch: 1,
    severity: "info",
    state: ended ? "resolved" : "open",
    openedAt: at,
    lastSeenAt: at,
    resolvedAt: ended ? at : null,
    closeReason: ended ? "manual" : null,
    occurrences: 1,
    title: "tracer-test: this is a test, nothing is wrong",
    evidence: TEST_EVIDENCE,
    exemplars: ["this line stands where examples of your log lines will"],
    ...{ flapping: false, deploy: null, ackedAt: null, ackedBy: null },
  };
}

const TEST_EVIDENCE: Evidence = {
  unit: "share",
  observed: 0,
  peak: 0,
  expected: 0,
  expectedLow: 0,
  expectedHigh: 0,
  ratio: null,
  z: null,
  ewma: null,
  rateOfChange: null,
  evidence: 0,
  bar: 0,
  sampleSize: 0,
  baselineAgeSeconds: 0,
  sparkline: [],
  sentence: "Tracer can reach you here. Alerts will look like this one, with their numbers.",
};
