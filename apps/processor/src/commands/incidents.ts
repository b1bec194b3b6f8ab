import { clip, flatten } from "@tracer/core";
import { z } from "zod";
import { Exit } from "../exit.ts";
import { askTracer } from "./api-client.ts";
import type { CommandContext } from "./context.ts";

interface IdArgs {
  readonly id?: string;
  readonly json?: boolean;
}

const TEXT_CHARS_MAX = 300;

/** What is printed of an incident as it comes over HTTP. */
const IncidentAnswer = z.object({
  ...{ id: z.string(), service: z.string(), environment: z.string(), kind: z.string() },
  ...{ part: z.string(), severity: z.string(), state: z.string(), title: z.string() },
  ...{ openedAt: z.string(), lastSeenAt: z.string(), resolvedAt: z.string().nullable() },
  ...{ occurrences: z.number(), exemplars: z.array(z.string()) },
  evidence: z.object({ sentence: z.string() }),
  flapping: z.boolean(),
  deploy: z.object({ version: z.string(), at: z.string() }).nullable(),
  ...{ ackedAt: z.string().nullable(), ackedBy: z.string().nullable() },
  deliveries: z.array(z.object({ action: z.string(), channel: z.string(), state: z.string() })),
});
type IncidentAnswer = z.infer<typeof IncidentAnswer>;
const ListAnswer = z.object({
  incidents: z.array(IncidentAnswer),
  nextCursor: z.string().nullable(),
});

export interface ListIncidentsArgs {
  readonly state?: string;
  readonly service?: string;
  readonly limit?: string;
  readonly cursor?: string;
  readonly json?: boolean;
}

export async function listIncidents(
  context: CommandContext,
  { state, service, limit, cursor, json = false }: ListIncidentsArgs,
): Promise<Exit> {
  const { stdout } = context;
  const query = new URLSearchParams();
  if (state !== undefined) query.set("state", state);
  if (service !== undefined) query.set("service", service);
  if (limit !== undefined) query.set("limit", limit);
  if (cursor !== undefined) query.set("cursor", cursor);
  const answer = await askTracer(context, { path: `/api/v1/incidents?${query}` });
  if ("exit" in answer) return answer.exit;
  if (json) {
    stdout.write(`${JSON.stringify(answer.body, null, 2)}\n`);
    return Exit.ok;
  }
  const { incidents, nextCursor } = ListAnswer.parse(answer.body);
  if (incidents.length === 0) stdout.write("There are no such incidents.\n");
  for (const incident of incidents) stdout.write(`${lineOf(incident)}\n`);
  if (nextCursor !== null) stdout.write(`There are more: --cursor ${nextCursor}\n`);
  return Exit.ok;
}

export async function showIncident(context: CommandContext, args: IdArgs): Promise<Exit> {
  return one(context, args, { method: "GET", action: "" });
}

export async function ackIncident(context: CommandContext, args: IdArgs): Promise<Exit> {
  return one(context, args, { method: "POST", action: "/ack", mustBeOpen: true });
}

export async function resolveIncident(context: CommandContext, args: IdArgs): Promise<Exit> {
  return one(context, args, { method: "POST", action: "/resolve" });
}

interface OneAction {
  readonly method: "GET" | "POST";
  readonly action: string;
  /** What is asked for has no meaning for an incident that is over. */
  readonly mustBeOpen?: boolean;
}

/** Asks for one incident, or changes it, and prints it as it then is. 1 when it is over and must be open. */
async function one(
  context: CommandContext,
  { id = "", json = false }: IdArgs,
  { method, action, mustBeOpen = false }: OneAction,
): Promise<Exit> {
  const path = `/api/v1/incidents/${encodeURIComponent(id)}${action}`;
  const answer = await askTracer(context, { path, method });
  if ("exit" in answer) return answer.exit;
  const incident = IncidentAnswer.parse(answer.body);
  context.stdout.write(json ? `${JSON.stringify(answer.body, null, 2)}\n` : incidentText(incident));
  if (!mustBeOpen || incident.state === "open") return Exit.ok;
  context.stderr.write("It is over, so there is nothing to take on: nothing was changed.\n");
  return Exit.failed;
}

function lineOf({ id, state, severity, openedAt, title, ackedAt, flapping }: IncidentAnswer) {
  const marks = [ackedAt === null ? "" : "acked", flapping ? "flapping" : ""].filter(Boolean);
  const states = [state, ...marks].join(", ");
  return `${id}  ${openedAt}  ${severity}  ${states}  ${plain(title)}`;
}

function incidentText(incident: IncidentAnswer): string {
  const { service, environment, kind, part, occurrences, evidence, deploy } = incident;
  const where = environment === "" ? service : `${service} (${environment})`;
  const lines = [
    lineOf(incident),
    `${plain(where)} · ${plain(`${kind} ${part}`)} · seen ${occurrences}×, last ${incident.lastSeenAt}`,
    plain(evidence.sentence),
  ];
  if (incident.resolvedAt !== null) lines.push(`resolved ${incident.resolvedAt}`);
  if (incident.ackedAt !== null) {
    lines.push(`acknowledged ${incident.ackedAt} by ${plain(incident.ackedBy ?? "")}`);
  }
  if (deploy !== null) lines.push(`deploy ${plain(deploy.version)} ${deploy.at}`);
  lines.push(...incident.exemplars.map((line) => `› ${plain(line)}`));
  for (const { action, channel, state } of incident.deliveries) {
    lines.push(`${action} → ${plain(channel)}: ${state}`);
  }
  return `${lines.join("\n")}\n`;
}

function plain(text: string): string {
  return clip(flatten(text), TEXT_CHARS_MAX);
}
