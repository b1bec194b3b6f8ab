import { readFileSync } from "node:fs";

/** Keys that hold a secret; each may also be given as `NAME_FILE`, the path of a file that holds it. */
const SECRETS = [
  "DATABASE_URL",
  "TRACER_INGEST_KEY",
  "TRACER_ADMIN_KEY",
  "SLACK_WEBHOOK_URL",
  "WEBHOOK_URL",
  "SLACK_BOT_TOKEN",
  "COMPOSIO_API_KEY",
  "PAGERDUTY_ROUTING_KEY",
  "WEBHOOK_SECRET",
  "SMTP_URL",
  "ALERTMANAGER_URL",
  "VERCEL_DRAIN_SECRET",
  "TRIAGE_API_KEY",
  "HEARTBEAT_URL",
] as const;

/** The environment without empty values (compose passes unset keys as ""), with `NAME_FILE` read. */
export function readSecretFiles(
  environment: NodeJS.ProcessEnv,
  problems: string[],
): NodeJS.ProcessEnv {
  const values: NodeJS.ProcessEnv = {};
  for (const [key, value] of Object.entries(environment)) {
    if (value !== undefined && value.trim() !== "") values[key] = value.trim();
  }
  for (const key of SECRETS) {
    const path = values[`${key}_FILE`];
    if (path === undefined) continue;
    if (values[key] !== undefined) {
      problems.push(`${key}_FILE: is set together with ${key}; keep one of them`);
      continue;
    }
    try {
      values[key] = readFileSync(path, "utf8").trim();
    } catch (error) {
      const reason = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
      problems.push(`${key}_FILE: the file cannot be read (${reason})`);
    }
  }
  return values;
}
