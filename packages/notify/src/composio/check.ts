import { z } from "zod";
import { type Finding, findingOf } from "../channel.ts";
import { reasonText } from "../http.ts";
import type { ComposioSession } from "./session.ts";

/** A tool that a channel calls, and the arguments that it may be given. */
export interface UsedTool {
  readonly slug: string;
  readonly args: readonly string[];
  /** Where its name is set. */
  readonly setting: string;
}

export interface ComposioLookOptions {
  readonly session: ComposioSession;
  readonly timeoutMs: number;
  readonly toolkit: string;
  readonly tools: readonly UsedTool[];
  readonly fixOf: (reason: string) => string | null;
}

const Toolkits = z.looseObject({
  items: z.array(
    z.looseObject({
      slug: z.string(),
      is_no_auth: z.boolean().optional(),
      connected_account: z.looseObject({ id: z.string(), status: z.string() }).nullish(),
    }),
  ),
});

/** The key, the session, the state of the connection, and every tool by its name and its arguments. */
export async function composioFindings(
  options: ComposioLookOptions,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const connection = await connectionFinding(options, signal);
  const tools = await Promise.all(options.tools.map((tool) => toolFinding(tool, options, signal)));
  return [connection, ...tools];
}

/** `ACTIVE` is what Composio remembers: a grant that was taken back is noticed by a call only. */
async function connectionFinding(
  { session, timeoutMs, toolkit, fixOf }: ComposioLookOptions,
  signal: AbortSignal,
): Promise<Finding> {
  const what = `connection ${toolkit}`;
  const called = await session.call(
    (calls, id, once) => calls.toolkits(id, { toolkits: [toolkit] }, once),
    signal,
    timeoutMs,
  );
  if (called.kind === "failed") return findingOf(what, called.verdict, fixOf);
  const reply = Toolkits.safeParse(called.value);
  const found = reply.data?.items.find(({ slug }) => slug === toolkit);
  if (found === undefined) {
    return { what, state: "unknown", detail: "the answer does not say", fix: null };
  }
  const account = found.connected_account;
  if (found.is_no_auth === true) return { what, state: "ok", detail: "needs none", fix: null };
  if (account?.status === "ACTIVE") {
    return { what, state: "ok", detail: reasonText(`ACTIVE (${account.id})`), fix: null };
  }
  const detail = account === null || account === undefined ? "there is none" : account.status;
  return { what, state: "failed", detail: reasonText(detail), fix: connectFix(toolkit) };
}

const Tool = z.looseObject({
  toolkit: z.looseObject({ slug: z.string() }).optional(),
  is_deprecated: z.boolean().optional(),
  input_parameters: z
    .looseObject({
      required: z.array(z.string()).optional(),
      properties: z.record(z.string(), z.unknown()).optional(),
    })
    .optional(),
});

async function toolFinding(
  { slug, args, setting }: UsedTool,
  { session, timeoutMs, toolkit, fixOf }: ComposioLookOptions,
  signal: AbortSignal,
): Promise<Finding> {
  const what = `tool ${slug}`;
  const called = await session.ask(
    (client, once) => client.tools.retrieve(slug, undefined, once),
    signal,
    timeoutMs,
  );
  if (called.kind === "failed") {
    if (!called.sessionGone) return findingOf(what, called.verdict, fixOf);
    const fix = `look its new name up among the tools of ${toolkit}, and set ${setting}`;
    return { what, state: "failed", detail: "Composio has no tool of this name", fix };
  }
  const reply = Tool.safeParse(called.value);
  if (!reply.success) {
    return { what, state: "unknown", detail: "its description is not readable", fix: null };
  }
  const owner = reply.data.toolkit?.slug ?? toolkit;
  if (owner !== toolkit) {
    const fix = `set ${setting} to a tool of ${toolkit}, or use the toolkit ${owner}`;
    return { what, state: "failed", detail: reasonText(`belongs to ${owner}`), fix };
  }
  const { required = [], properties = {} } = reply.data.input_parameters ?? {};
  const missing = required.filter((name) => !args.includes(name));
  if (missing.length > 0) {
    const detail = reasonText(`wants arguments that it is not given: ${missing.join(", ")}`);
    return { what, state: "failed", detail, fix: `give them, or set ${setting} to another tool` };
  }
  // A tool that names none may take any.
  const known = Object.keys(properties);
  const unknown = known.length === 0 ? [] : args.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    const detail = reasonText(`does not know the arguments ${unknown.join(", ")}`);
    return { what, state: "unknown", detail, fix: null };
  }
  const old = reply.data.is_deprecated === true ? "; it is deprecated" : "";
  return { what, state: "ok", detail: `takes what it is given${old}`, fix: null };
}

export function connectFix(toolkit: string): string {
  return `connect it again: tracer connect ${toolkit}`;
}

/** What to do about Composio's own answers; null: it is none of those. */
export function composioFix(reason: string, toolkit: string): string | null {
  if (/HTTP_Unauthorized|http_401/u.test(reason)) {
    return "Composio refuses the key: copy one from the project's settings into COMPOSIO_API_KEY";
  }
  if (/NoActiveConnection|ConnectedAccount|connect(?:ed account|ion)/iu.test(reason)) {
    return connectFix(toolkit);
  }
  if (/ToolkitNotAllowed/u.test(reason)) return `add ${toolkit} to COMPOSIO_TOOLKITS`;
  if (/ToolNotFound/u.test(reason)) {
    return "Composio has renamed a tool: tracer doctor says which; set its new name";
  }
  if (/fields are missing/u.test(reason)) {
    return "the tool wants other arguments: tracer doctor names them";
  }
  return null;
}

/**
 * What a grant can be tried with without changing anything, by toolkit. Where none is known here, the state that
 * Composio remembers is all there is.
 */
export const READS: Readonly<Record<string, string>> = {
  slack: "https://slack.com/api/auth.test",
  slackbot: "https://slack.com/api/auth.test",
  pagerduty: "https://api.pagerduty.com/abilities",
  gmail: "https://gmail.googleapis.com/gmail/v1/users/me/profile",
  discordbot: "https://discord.com/api/v10/users/@me",
  microsoft_teams: "https://graph.microsoft.com/v1.0/me",
  jira: "/rest/api/3/myself",
};

const Proxied = z.looseObject({ status: z.number(), data: z.unknown().optional() });
const Refused = z.looseObject({ ok: z.literal(false), error: z.string().optional() });

/** One real read of the provider through the connection. */
export async function readFinding(
  { session, timeoutMs, toolkit, fixOf }: Omit<ComposioLookOptions, "tools">,
  signal: AbortSignal,
): Promise<Finding> {
  const what = `read ${toolkit}`;
  const endpoint = READS[toolkit];
  if (endpoint === undefined) {
    return { what, state: "unknown", detail: "no harmless read of it is known", fix: null };
  }
  const called = await session.call(
    (calls, id, once) =>
      calls.proxyExecute(id, { toolkit_slug: toolkit, endpoint, method: "GET" }, once),
    signal,
    timeoutMs,
  );
  if (called.kind === "failed") return findingOf(what, called.verdict, fixOf);
  const reply = Proxied.safeParse(called.value);
  if (!reply.success) {
    return { what, state: "unknown", detail: "the answer is not readable", fix: null };
  }
  const { status, data } = reply.data;
  const refused = Refused.safeParse(data);
  if (refused.success) {
    const detail = reasonText(refused.data.error ?? "refused");
    return { what, state: "failed", detail, fix: fixOf(detail) ?? connectFix(toolkit) };
  }
  if (status >= 200 && status < 300) {
    return { what, state: "ok", detail: `answered ${status}`, fix: null };
  }
  const isGrant = status === 401 || status === 403;
  const detail = `answered ${status}`;
  return {
    what,
    state: isGrant ? "failed" : "unknown",
    detail,
    fix: isGrant ? connectFix(toolkit) : null,
  };
}
