import { field, textField } from "./receiver.ts";
import type { SlackWorkspace } from "./slack-workspace.ts";

interface Tool {
  readonly toolkit: string;
  readonly required: readonly string[];
  readonly known: readonly string[];
  /** The provider's answer, or its refusal in its own words. */
  readonly run: (args: unknown, world: ToolWorld) => Ran;
}

export interface Ran {
  readonly data: unknown;
  readonly error: string | null;
}

export interface ToolWorld {
  readonly slack: SlackWorkspace;
  /** What tools other than Slack's have made, oldest first. */
  readonly made: Made[];
}

/** Something that a tool has made at its provider, or changed there. */
export interface Made {
  readonly slug: string;
  readonly id: string;
  readonly arguments: unknown;
}

const SLACK_TOOLS = [
  {
    name: "SEND_MESSAGE",
    method: "chat.postMessage",
    required: ["channel"],
    known: [
      ...["channel", "markdown_text", "text", "blocks", "attachments", "thread_ts"],
      ...["reply_broadcast", "unfurl_links", "unfurl_media", "username", "icon_emoji"],
    ],
  },
  {
    name: "UPDATES_A_SLACK_MESSAGE",
    method: "chat.update",
    required: ["channel", "ts"],
    known: ["channel", "ts", "markdown_text", "text", "blocks"],
  },
  {
    name: "FETCH_CONVERSATION_HISTORY",
    method: "conversations.history",
    required: ["channel"],
    known: [
      ...["channel", "limit", "oldest", "latest", "inclusive", "cursor"],
      "include_all_metadata",
    ],
  },
] as const;

const OTHER_TOOLS: Readonly<Record<string, Tool>> = {
  JIRA_CREATE_ISSUE: {
    toolkit: "jira",
    required: ["project_key", "summary"],
    known: ["project_key", "summary", "description", "issue_type", "labels", "priority"],
    run: (args, world) => {
      if (textField(args, "summary").length > 255 || /[\r\n]/u.test(textField(args, "summary"))) {
        return refused('400 {"errors":{"summary":"Summary must be less than 255 characters."}}');
      }
      const id = make("JIRA_CREATE_ISSUE", args, world);
      return { data: { id, key: `${textField(args, "project_key")}-${id}` }, error: null };
    },
  },
  JIRA_ADD_COMMENT: {
    toolkit: "jira",
    required: ["issue_id_or_key", "comment"],
    known: ["issue_id_or_key", "comment"],
    run: (args, world) => onIssue("JIRA_ADD_COMMENT", args, world),
  },
  JIRA_TRANSITION_ISSUE: {
    toolkit: "jira",
    required: ["issue_id_or_key", "transition_id_or_name"],
    known: ["issue_id_or_key", "transition_id_or_name", "comment"],
    run: (args, world) => onIssue("JIRA_TRANSITION_ISSUE", args, world),
  },
  GMAIL_SEND_EMAIL: {
    toolkit: "gmail",
    required: ["recipient_email", "subject", "body"],
    known: ["recipient_email", "extra_recipients", "cc", "bcc", "subject", "body", "is_html"],
    run: (args, world) => {
      if (!/^[^@\s]+@[^@\s]+$/u.test(textField(args, "recipient_email"))) {
        return refused("Invalid To header");
      }
      const id = make("GMAIL_SEND_EMAIL", args, world);
      return { data: { id: `mail${id}`, threadId: `thread${id}` }, error: null };
    },
  },
  DISCORDBOT_CREATE_MESSAGE: {
    toolkit: "discordbot",
    required: ["channel_id"],
    known: ["channel_id", "content", "embeds", "allowed_mentions", "flags"],
    run: (args, world) => discordMessage("DISCORDBOT_CREATE_MESSAGE", args, world),
  },
  DISCORDBOT_UPDATE_MESSAGE: {
    toolkit: "discordbot",
    required: ["channel_id", "message_id"],
    known: ["channel_id", "message_id", "content", "embeds", "allowed_mentions"],
    run: (args, world) =>
      world.made.some(({ id }) => id === textField(args, "message_id"))
        ? discordMessage("DISCORDBOT_UPDATE_MESSAGE", args, world)
        : refused('{"message": "Unknown Message", "code": 10008}'),
  },
  MICROSOFT_TEAMS_TEAMS_POST_CHANNEL_MESSAGE: {
    toolkit: "microsoft_teams",
    required: ["team_id", "channel_id", "content"],
    known: ["team_id", "channel_id", "content", "content_type"],
    run: (args, world) => {
      if (!/^19:.+@thread\.tacv2$/u.test(textField(args, "channel_id"))) {
        return refused("404 NotFound: the channel was not found");
      }
      if (Buffer.byteLength(textField(args, "content")) > 28_000) {
        return refused("413 RequestEntityTooLarge");
      }
      const id = make("MICROSOFT_TEAMS_TEAMS_POST_CHANNEL_MESSAGE", args, world);
      return { data: { id }, error: null };
    },
  },
};

/** The tools by slug: of both Slack toolkits, and a few of other providers. */
export const COMPOSIO_TOOLS: Readonly<Record<string, Tool>> = {
  ...OTHER_TOOLS,
  ...Object.fromEntries(
    ["slack", "slackbot"].flatMap((toolkit) =>
      SLACK_TOOLS.map(({ name, method, required, known }) => {
        const run = (args: unknown, { slack }: ToolWorld): Ran => {
          const data = slack.call(method, args);
          return data["ok"] === true ? { data, error: null } : refused(String(data["error"]));
        };
        const tool: Tool = { toolkit, required, known, run };
        return [`${toolkit.toUpperCase()}_${name}`, tool];
      }),
    ),
  ),
};

/** Runs a tool. Null: there is no such tool. What the provider refuses is an `error` in a success. */
export function runTool(slug: string, args: unknown, world: ToolWorld): Ran | null {
  const tool = COMPOSIO_TOOLS[slug];
  if (tool === undefined) return null;
  const missing = tool.required.filter((name) => field(args, name) === undefined);
  if (missing.length > 0) {
    const names = missing.map((name) => `'${name}'`).join(", ");
    return refused(`Invalid request data provided - Following fields are missing: {${names}}`);
  }
  return tool.run(args, world);
}

function discordMessage(slug: string, args: unknown, world: ToolWorld): Ran {
  const content = textField(args, "content");
  if (content.length > 2_000) {
    return refused('{"code": 50035, "errors": {"content": "Must be 2000 or fewer in length."}}');
  }
  if (content === "" && field(args, "embeds") === undefined) {
    return refused('{"message": "Cannot send an empty message", "code": 50006}');
  }
  const id = make(slug, args, world);
  return { data: { id, channel_id: textField(args, "channel_id") }, error: null };
}

/** Only on an issue that was made. */
function onIssue(slug: string, args: unknown, world: ToolWorld): Ran {
  const key = textField(args, "issue_id_or_key");
  const number = key.slice(key.lastIndexOf("-") + 1);
  if (!world.made.some(({ slug: by, id }) => by === "JIRA_CREATE_ISSUE" && id === number)) {
    return refused("404 Issue does not exist or you do not have permission to see it.");
  }
  return { data: { id: make(slug, args, world) }, error: null };
}

function make(slug: string, args: unknown, { made }: ToolWorld): string {
  const id = String(1_001 + made.length);
  made.push({ slug, id, arguments: args });
  return id;
}

function refused(error: string): Ran {
  return { data: {}, error };
}
