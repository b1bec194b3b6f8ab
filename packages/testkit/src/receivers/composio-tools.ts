import { field } from "./receiver.ts";
import type { SlackWorkspace } from "./slack-workspace.ts";

interface Tool {
  readonly toolkit: string;
  /** The method of Slack's API behind it. */
  readonly method: string;
  readonly required: readonly string[];
}

const SLACK_TOOLS: readonly (readonly [string, string, readonly string[]])[] = [
  ["SEND_MESSAGE", "chat.postMessage", ["channel"]],
  ["UPDATES_A_SLACK_MESSAGE", "chat.update", ["channel", "ts"]],
  ["FETCH_CONVERSATION_HISTORY", "conversations.history", ["channel"]],
];

/** The tools of both Slack toolkits, by slug. */
export const COMPOSIO_TOOLS: Readonly<Record<string, Tool>> = Object.fromEntries(
  ["slack", "slackbot"].flatMap((toolkit) =>
    SLACK_TOOLS.map(([name, method, required]) => [
      `${toolkit.toUpperCase()}_${name}`,
      { toolkit, method, required },
    ]),
  ),
);

/** Runs a tool. Null: there is no such tool. What the provider refuses is an `error` in a success. */
export function runTool(
  slug: string,
  args: unknown,
  slack: SlackWorkspace,
): { data: unknown; error: string | null } | null {
  const tool = COMPOSIO_TOOLS[slug];
  if (tool === undefined) return null;
  const missing = tool.required.filter((name) => field(args, name) === undefined);
  if (missing.length > 0) {
    const names = missing.map((name) => `'${name}'`).join(", ");
    const error = `Invalid request data provided - Following fields are missing: {${names}}`;
    return { data: {}, error };
  }
  const data = slack.call(tool.method, args);
  return data["ok"] === true ? { data, error: null } : { data: {}, error: String(data["error"]) };
}
