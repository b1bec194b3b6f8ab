import { readConfig } from "../config.ts";
import { Exit } from "../exit.ts";
import type { ChannelSpec } from "../settings/channel-specs.ts";
import type { TriageConfig } from "../triage-config.ts";
import type { CommandContext } from "./context.ts";

/** Says what the configuration means, without starting anything and without printing a secret. */
export async function checkConfig({ environment, stdout }: CommandContext): Promise<Exit> {
  const config = readConfig(environment);
  const { routes, services, redaction, quietHours } = config.settings;
  const channels = config.channels.map(described);
  const keys = config.ingestKey !== null || config.adminKey !== null;
  const noKeys = config.loopback ? "none needed on loopback" : "made at the first start";
  const quiet = [...quietHours.entries()].map(
    ([name, { from, to, time_zone: zone, except }]) =>
      `${name} from ${from} to ${to} ${zone}, but for ${except}`,
  );
  const rules = [
    [routes.length, "route"],
    [services.length, "rule for services"],
    [redaction.length, "redaction pattern"],
  ] as const;
  const counted = rules.filter(([count]) => count > 0).map(([count, name]) => `${count} × ${name}`);
  const lines = [
    `listens on   ${config.host}:${config.port}`,
    `database     ${config.databaseUrl === null ? `embedded, in ${config.dataDir}` : "DATABASE_URL"}`,
    `channels     ${channels.length === 0 ? "console (alerts are printed)" : channels.join(", ")}`,
    ...(counted.length === 0 ? [] : [`rules        ${counted.join(", ")}`]),
    ...quiet.map((each) => `quiet        ${each}`),
    ...(config.fallbackChannel === null
      ? []
      : [`fall-back    ${config.fallbackChannel}, after ${config.fallbackSeconds} s`]),
    ...(config.triage === null ? [] : [`triage       ${triageText(config.triage)}`]),
    `keys         ${keys ? "from the environment" : noKeys}`,
  ];
  stdout.write(`The configuration is valid.\n${lines.map((line) => `  ${line}\n`).join("")}`);
  return Exit.ok;
}

function triageText({ model, baseUrl, hourlyMax }: TriageConfig): string {
  return `${model} at ${baseUrl ?? "the AI Gateway"}, at most ${hourlyMax} calls an hour`;
}

function described(spec: ChannelSpec): string {
  if (spec.kind === "slack" || spec.kind === "composio-slack") {
    return `${spec.name} (${spec.channel})`;
  }
  const kind = spec.name === spec.kind ? "" : ` (${spec.kind})`;
  const isUnsigned = spec.kind === "webhook" && spec.secret === null;
  return `${spec.name}${kind}${isUnsigned ? " (unsigned: it has no secret)" : ""}`;
}
