import { z } from "zod";
import { type Finding, findingOf, type Receipt } from "../channel.ts";
import { reasonText } from "../http.ts";
import type { SlackAnswer } from "./answer.ts";

/** Reads one method of Slack's Web API; `scopes` is what the token may do, where the answer says so. */
export type SlackReader = (
  method: string,
  query: Readonly<Record<string, string>>,
) => Promise<SlackAnswer & { readonly scopes?: readonly string[] }>;

/** What an app needs for each thing that the channel does. */
const SCOPES = [
  { scope: "chat:write", what: "to post and edit", required: true },
  { scope: "channels:history", what: "to look whether a message has arrived", required: false },
] as const;

const Identity = z.looseObject({ user: z.string().optional(), team: z.string().optional() });

/** Who the token is, and what it may do. Posts nothing. */
export async function slackFindings(
  read: SlackReader,
  fixOf: (reason: string) => string | null,
): Promise<readonly Finding[]> {
  const answer = await read("auth.test", {});
  if (answer.kind === "failed") return [findingOf("token", answer.verdict, fixOf)];
  const who = Identity.safeParse(answer.data);
  const { user = "?", team = "?" } = who.success ? who.data : {};
  const identity = `speaks as ${user} in ${team}`;
  const findings: Finding[] = [
    { what: "token", state: "ok", detail: reasonText(identity), fix: null },
  ];
  const { scopes } = answer;
  if (scopes === undefined) return findings;
  for (const { scope, what, required } of SCOPES) {
    if (scopes.includes(scope)) continue;
    findings.push({
      what: `scope ${scope}`,
      state: required ? "failed" : "unknown",
      detail: `is missing ${what}`,
      fix: scopeFix(scope),
    });
  }
  return findings;
}

const Permalink = z.looseObject({ permalink: z.url({ protocol: /^https?$/ }) });

/** The message's own address. */
export async function slackLink(read: SlackReader, receipt: Receipt): Promise<string | null> {
  const { channel, ts } = receipt;
  if (channel === undefined || ts === undefined) return null;
  const answer = await read("chat.getPermalink", { channel, message_ts: ts });
  const found = Permalink.safeParse(answer.kind === "ok" ? answer.data : null);
  return found.success ? found.data.permalink : null;
}

export interface SlackFixOptions {
  /** How the connection is made again. */
  readonly reconnect: string;
}

/** What to do about the answers that newcomers meet. */
export function slackFix(reason: string, { reconnect }: SlackFixOptions): string | null {
  const scope = /missing_scope: needs (?<scope>[a-z:._,-]+)/u.exec(reason)?.groups?.["scope"];
  if (scope !== undefined) return scopeFix(scope);
  for (const [pattern, fix] of FIXES) if (pattern.test(reason)) return fix;
  return RECONNECT.test(reason) ? reconnect : null;
}

function scopeFix(scope: string): string {
  return `add the scope ${scope} under OAuth & Permissions of the Slack app, and install it again`;
}

const FIXES: readonly (readonly [RegExp, string])[] = [
  [/missing_scope/u, scopeFix("chat:write")],
  [/not_in_channel/u, "invite the bot: /invite @its-name in the channel"],
  [/channel_not_found/u, "give the channel's id (C…), and invite the bot to it"],
  [/is_archived|channel_is_archived/u, "the channel is archived: choose another"],
  [/no_service|no_active_hooks|action_prohibited/u, "make a new incoming webhook in Slack"],
  [/restricted_action/u, "only some people may post there: ask a workspace admin"],
];

const RECONNECT =
  /invalid_auth|not_authed|token_revoked|token_expired|account_inactive|invalid_grant|not_allowed_token_type|access_denied/u;
