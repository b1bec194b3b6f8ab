import { TracerError } from "@tracer/core";
import { type Config, readConfig } from "../config.ts";
import { checkChannels } from "../doctor/channels.ts";
import { checkDatabase } from "../doctor/database.ts";
import { type Checked, checkedText } from "../doctor/finding.ts";
import { checkPorts } from "../doctor/ports.ts";
import { Exit } from "../exit.ts";
import { openChannels } from "./channel-shelf.ts";
import type { CommandContext } from "./context.ts";

/**
 * Looks at everything that Tracer needs, and says of each what is wrong and what to do. Changes nothing, sends nothing.
 * 78: the configuration; 69: the database; 1: a channel or a port; 0: nothing has failed.
 */
export async function doctor(
  context: CommandContext,
  { json = false }: { json?: boolean },
): Promise<Exit> {
  const { environment, stdout } = context;
  const config = configOf(environment);
  const checks =
    config instanceof TracerError
      ? problemsOf(config)
      : [{ ...CONFIGURED, detail: countText(config) }, ...(await lookAround(config, context))];
  const failed = checks.filter(({ state }) => state === "failed");
  if (json) {
    stdout.write(`${JSON.stringify({ ok: failed.length === 0, checks }, null, 2)}\n`);
  } else {
    for (const check of checks) stdout.write(checkedText(check));
    stdout.write(summaryOf(checks));
  }
  if (config instanceof TracerError) return Exit.configuration;
  if (failed.some(({ area }) => area === "database" || area === "schema" || area === "data")) {
    return Exit.unavailable;
  }
  return failed.length > 0 ? Exit.failed : Exit.ok;
}

const CONFIGURED = { area: "configuration", name: "", state: "ok", fix: null } as const;

async function lookAround(config: Config, context: CommandContext): Promise<Checked[]> {
  await using shelf = await openChannels(config, context);
  const [database, ports, channels] = await Promise.all([
    checkDatabase(config),
    checkPorts(config),
    checkChannels(shelf.channels, context.stop),
  ]);
  return [...database, ...ports, ...channels];
}

function configOf(environment: NodeJS.ProcessEnv): Config | TracerError {
  try {
    return readConfig(environment);
  } catch (error) {
    if (error instanceof TracerError && error.code === "CONFIG_INVALID") return error;
    throw error;
  }
}

/** A line each; the first of the message only counts them. */
function problemsOf({ message }: TracerError): Checked[] {
  const [first = "", ...lines] = message.split("\n").map((line) => line.trim());
  return (lines.length === 0 ? [first] : lines).map((detail) => ({
    ...{ area: "configuration", name: "", state: "failed", detail },
    fix: "docs/tracer.example.yaml and .env.example show what is meant",
  }));
}

function countText({ channels }: Config): string {
  const names = channels.map(({ name }) => name).join(", ");
  return `is valid; ${names === "" ? "no channel: alerts are printed" : `channels: ${names}`}`;
}

function summaryOf(checks: readonly Checked[]): string {
  const count = (state: Checked["state"]) => checks.filter((each) => each.state === state).length;
  const [failed, warnings] = [count("failed"), count("warning")];
  const others = warnings === 0 ? "" : `, ${warnings} to know of`;
  return failed === 0
    ? `Nothing is wrong${others}.\n`
    : `${failed === 1 ? "1 thing is" : `${failed} things are`} wrong${others}.\n`;
}
