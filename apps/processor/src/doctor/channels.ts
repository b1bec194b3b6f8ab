import { setTimeout as pause } from "node:timers/promises";
import type { Channel, Finding } from "@tracer/notify";
import type { Checked } from "./finding.ts";

/** A look that hangs must not keep the others from being told. */
const LOOK_MS_MAX = 20_000;

/** Each channel by what its provider says of it; nothing is sent. */
export async function checkChannels(
  channels: readonly Channel[],
  stop: AbortSignal,
): Promise<Checked[]> {
  const all = await Promise.all(channels.map((channel) => checkChannel(channel, stop)));
  return all.flat();
}

async function checkChannel(channel: Channel, stop: AbortSignal): Promise<Checked[]> {
  const { name, kind } = channel;
  if (kind === "console") {
    return [checkedOf(name, "ok", "prints alerts here", null)];
  }
  if (channel.check === undefined) {
    const detail = `is configured; only a message can try it: tracer send-test ${name}`;
    return [checkedOf(name, "ok", detail, null)];
  }
  const late = new AbortController();
  const findings = await Promise.race([
    channel.check(stop),
    pause(LOOK_MS_MAX, null, { signal: late.signal }).catch(() => null),
  ]);
  late.abort();
  if (findings === null) {
    return [checkedOf(name, "failed", "does not answer", "see that its provider can be reached")];
  }
  return findings.map((finding) => checkedFinding(name, finding));
}

function checkedFinding(name: string, { what, state, detail, fix }: Finding): Checked {
  return checkedOf(name, state === "unknown" ? "warning" : state, `${what} ${detail}`, fix);
}

function checkedOf(
  name: string,
  state: Checked["state"],
  detail: string,
  fix: string | null,
): Checked {
  return { area: "channel", name, state, detail, fix };
}
