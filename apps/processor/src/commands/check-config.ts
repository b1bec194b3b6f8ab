import { readConfig } from "../config.ts";
import { Exit } from "../exit.ts";
import type { CommandContext } from "./context.ts";

/** Says what the configuration means, without starting anything and without printing a secret. */
export async function checkConfig({ environment, stdout }: CommandContext): Promise<Exit> {
  const config = readConfig(environment);
  const { slack, slackWebhook, composioSlack, pagerduty, webhook } = config.channels;
  const channels = [
    slack && `slack (${slack.channel})`,
    composioSlack && `composio-slack (${composioSlack.channel})`,
    slackWebhook && "slack-webhook",
    pagerduty && "pagerduty",
    webhook && `webhook${webhook.secret === null ? " (unsigned: WEBHOOK_SECRET is not set)" : ""}`,
  ].filter((name) => typeof name === "string");
  const keys = config.ingestKey !== null || config.adminKey !== null;
  const noKeys = config.loopback ? "none needed on loopback" : "made at the first start";
  const lines = [
    `listens on   ${config.host}:${config.port}`,
    `database     ${config.databaseUrl === null ? `embedded, in ${config.dataDir}` : "DATABASE_URL"}`,
    `channels     ${channels.length === 0 ? "console (alerts are printed)" : channels.join(", ")}`,
    `keys         ${keys ? "from the environment" : noKeys}`,
  ];
  stdout.write(`The configuration is valid.\n${lines.map((line) => `  ${line}\n`).join("")}`);
  return Exit.ok;
}
