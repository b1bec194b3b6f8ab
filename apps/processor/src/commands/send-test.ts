import { TracerError, type Verdict } from "@tracer/core";
import type { Channel, Finding } from "@tracer/notify";
import { type TrialStep, tryChannel } from "../channel-trial.ts";
import { readConfig } from "../config.ts";
import { Exit } from "../exit.ts";
import { openChannels } from "./channel-shelf.ts";
import type { CommandContext } from "./context.ts";

/**
 * Looks at each configured channel, or the one that is named, then really sends a message there that is marked as a
 * test, edits it and resolves it. Prints the provider's answers, how long they took, and where the message is; 1 when
 * any of them failed.
 */
export async function sendTest(
  context: CommandContext,
  { channel: name }: { channel?: string },
): Promise<Exit> {
  const { environment, stdout, stop } = context;
  const config = readConfig(environment);
  await using shelf = await openChannels(config, context);
  const { channels } = shelf;
  const chosen = channels.filter((channel) => name === undefined || channel.name === name);
  if (chosen.length === 0) {
    const known = channels.map((channel) => channel.name).join(", ");
    throw new TracerError("CHANNEL_UNKNOWN", `There is no channel ${name}; configured: ${known}.`);
  }
  const link = config.publicUrl ?? `http://${config.host}:${config.port}`;
  let failed = false;
  for (const channel of chosen) {
    const say = (line: string) => void stdout.write(`${channel.name}: ${line}\n`);
    const findings = (await channel.check?.(stop)) ?? [];
    for (const finding of findings) say(findingText(finding));
    const onStep = (step: TrialStep) => say(stepText(step, channel));
    const { ok, see } = await tryChannel(channel, { link, signal: stop, onStep });
    if (see !== null) say(`see ${see}`);
    failed ||= !ok || findings.some(({ state }) => state === "failed");
  }
  return failed ? Exit.failed : Exit.ok;
}

function findingText({ what, state, detail, fix }: Finding): string {
  const lead = state === "ok" ? "" : state === "failed" ? "PROBLEM " : "not known: ";
  return `${lead}${what} ${detail}${fix === null ? "" : `; ${fix}`}`;
}

function stepText({ action, verdict, tookMs }: TrialStep, channel: Channel): string {
  return `${action} ${answerOf(verdict, action, channel)} in ${tookMs} ms`;
}

function answerOf(verdict: Verdict, action: TrialStep["action"], channel: Channel): string {
  switch (verdict.kind) {
    case "sent": {
      const receipt = Object.entries(verdict.receipt ?? {}).map(
        ([key, value]) => `${key} ${value}`,
      );
      if (receipt.length > 0) return `sent (${receipt.join(", ")})`;
      return action === "test" ? "sent" : "left out: there is nothing of the kind in this channel,";
    }
    case "retry":
      return `was not taken: ${verdict.reason}; it would be tried again${fixText(verdict.reason, channel)}`;
    case "ambiguous":
      return `ended without an answer: ${verdict.reason}; it may have arrived`;
    case "permanent":
      return `was refused: ${verdict.reason}${fixText(verdict.reason, channel)}`;
    case "reconnect": {
      const fix = channel.fixOf?.(verdict.reason) ?? "the key or the connection has to be renewed";
      return `was refused: ${verdict.reason}; ${fix}`;
    }
    default:
      return verdict satisfies never;
  }
}

function fixText(reason: string, { fixOf }: Channel): string {
  const fix = fixOf?.(reason) ?? null;
  return fix === null ? "" : `; ${fix}`;
}
