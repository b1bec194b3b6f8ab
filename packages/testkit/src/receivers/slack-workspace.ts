import { field, textField } from "./receiver.ts";
import { blocksError } from "./slack-blocks.ts";

/** A message as it stands now. */
export interface SlackMessage {
  readonly channel: string;
  readonly ts: string;
  /** `ts` of the message it answers; null for a message of its own. */
  readonly threadTs: string | null;
  readonly broadcast: boolean;
  readonly text: string;
  readonly blocks: readonly unknown[];
  readonly metadata: unknown;
  readonly clientMessageId: string | null;
  /** Texts it had before, oldest first: one for every edit. */
  readonly earlier: readonly string[];
}

export interface SlackWorkspaceOptions {
  /** Names of channels and their ids. An id need not be listed. Default `{ alerts: "C0ALERTS" }`. */
  readonly channels?: Readonly<Record<string, string>>;
  /** The provider's clock in ms since the epoch, for `ts`. Default `Date.now`. */
  readonly now?: () => number;
}

/** What Slack remembers, and its methods without HTTP. */
export interface SlackWorkspace {
  readonly messages: readonly SlackMessage[];
  /** A method of the Web API; the answer is always the JSON of a 200. */
  call(method: string, args: unknown): Record<string, unknown>;
  /** Posts as an incoming webhook does. Null or the error. */
  webhook(args: unknown): string | null;
  /** As somebody with a mouse would. */
  remove(ts: string): void;
  /** Takes a scope away: reading the history answers `missing_scope`. */
  forbidHistory(): void;
}

const TEXT_CHARS_MAX = 40_000;
const PAGE_MAX = 999;
const WEBHOOK_CHANNEL = "C0WEBHOOK";

export function createSlackWorkspace(options: SlackWorkspaceOptions = {}): SlackWorkspace {
  const { channels = { alerts: "C0ALERTS" }, now = Date.now } = options;
  const messages: SlackMessage[] = [];
  let counter = 0;
  let historyAllowed = true;
  const nextTs = () => {
    counter += 1;
    return `${Math.floor(now() / 1000)}.${String(counter).padStart(6, "0")}`;
  };
  const idOf = (channel: string) => {
    if (/^[CGD][A-Z0-9]{2,}$/u.test(channel)) return channel;
    return channels[channel.replace(/^#/u, "")] ?? null;
  };
  const post = (args: unknown) => {
    const channel = idOf(textField(args, "channel"));
    if (channel === null) return refusal("channel_not_found");
    const content = contentOf(args);
    if (typeof content === "string") return refusal(content);
    const threadTs = textField(args, "thread_ts") || null;
    const message: SlackMessage = {
      ...content,
      channel,
      ts: nextTs(),
      threadTs,
      broadcast: threadTs !== null && field(args, "reply_broadcast") === true,
      metadata: field(args, "metadata"),
      clientMessageId: textField(args, "client_msg_id") || null,
      earlier: [],
    };
    messages.push(message);
    return { ok: true, channel, ts: message.ts, message: shown(message, true) };
  };
  const update = (args: unknown) => {
    const ts = textField(args, "ts");
    const channel = idOf(textField(args, "channel"));
    if (channel === null) return refusal("channel_not_found");
    const index = messages.findIndex((one) => one.ts === ts && one.channel === channel);
    const before = messages[index];
    if (before === undefined) return refusal("message_not_found");
    const content = contentOf(args);
    if (typeof content === "string") return refusal(content);
    const metadata = field(args, "metadata") ?? before.metadata;
    const earlier = [...before.earlier, before.text];
    messages[index] = { ...before, ...content, metadata, earlier };
    return { ok: true, channel, ts, text: content.text };
  };
  const read = (args: unknown, thread: string | null) => {
    const channel = textField(args, "channel");
    if (!historyAllowed) return { ...refusal("missing_scope"), needed: "channels:history" };
    // Reading takes ids only; a name is a channel that does not exist.
    if (!/^[CGD][A-Z0-9]{2,}$/u.test(channel)) return refusal("channel_not_found");
    if (thread !== null && !messages.some((one) => one.ts === thread)) {
      return refusal("thread_not_found");
    }
    const seen = messages.filter(
      (one) => one.channel === channel && isSeen(one, thread) && isAfter(one, args),
    );
    if (thread === null) seen.reverse(); // A channel is read newest first, a thread oldest first.
    return page(seen, args);
  };
  const methods: Readonly<Record<string, (args: unknown) => Record<string, unknown>>> = {
    "api.test": () => ({ ok: true }),
    "auth.test": () => ({
      ok: true,
      url: "https://example.slack.com/",
      team: "Example",
      team_id: "T0EXAMPLE",
      user: "tracer",
      user_id: "U0TRACER",
      bot_id: "B0TRACER",
    }),
    "chat.postMessage": post,
    "chat.getPermalink": (args) => {
      const [channel, ts] = [textField(args, "channel"), textField(args, "message_ts")];
      const found = messages.some((one) => one.channel === channel && one.ts === ts);
      const permalink = `https://example.slack.com/archives/${channel}/p${ts.replace(".", "")}`;
      return found ? { ok: true, channel, permalink } : refusal("message_not_found");
    },
    "chat.update": update,
    "conversations.history": (args) => read(args, null),
    "conversations.replies": (args) => read(args, textField(args, "ts")),
  };
  return {
    messages,
    call: (method, args) => methods[method]?.(args) ?? refusal("unknown_method"),
    webhook(args) {
      const content = contentOf(args);
      if (typeof content === "string") return content;
      const posted = post({ ...content, channel: WEBHOOK_CHANNEL });
      return posted.ok === true ? null : "invalid_payload";
    },
    remove(ts) {
      const index = messages.findIndex((one) => one.ts === ts);
      if (index >= 0) messages.splice(index, 1);
    },
    forbidHistory() {
      historyAllowed = false;
    },
  };
}

function refusal(error: string): { ok: false; error: string } {
  return { ok: false, error };
}

/** Text and blocks of a message, or the error Slack answers to them. */
function contentOf(args: unknown): Pick<SlackMessage, "text" | "blocks"> | string {
  const given = field(args, "blocks");
  const blocks = typeof given === "string" ? parsed(given) : given;
  const markdown = textField(args, "markdown_text");
  const text = markdown || textField(args, "text");
  if (markdown !== "" && (textField(args, "text") !== "" || blocks !== undefined)) {
    return "markdown_text_conflict";
  }
  if (text.length > (markdown === "" ? TEXT_CHARS_MAX : 12_000)) return "msg_too_long";
  const error = blocksError(blocks);
  if (error !== null) return error;
  const list: readonly unknown[] = Array.isArray(blocks) ? blocks : [];
  return text === "" && list.length === 0 ? "no_text" : { text, blocks: list };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function isSeen(message: SlackMessage, thread: string | null): boolean {
  if (thread !== null) return message.ts === thread || message.threadTs === thread;
  return message.threadTs === null || message.broadcast;
}

function isAfter(message: SlackMessage, args: unknown): boolean {
  const oldest = Number(textField(args, "oldest") || field(args, "oldest") || 0);
  return Number(message.ts) >= oldest;
}

function page(seen: readonly SlackMessage[], args: unknown): Record<string, unknown> {
  const withMetadata = String(field(args, "include_all_metadata")) === "true";
  const limit = Math.min(Number(field(args, "limit") ?? 100) || 100, PAGE_MAX);
  const start = Number(textField(args, "cursor")) || 0;
  const end = start + limit;
  const more = end < seen.length;
  return {
    ok: true,
    messages: seen.slice(start, end).map((message) => shown(message, withMetadata)),
    has_more: more,
    ...(more ? { response_metadata: { next_cursor: String(end) } } : {}),
  };
}

function shown(message: SlackMessage, withMetadata: boolean): Record<string, unknown> {
  const { ts, text, blocks, threadTs, metadata, clientMessageId } = message;
  return {
    type: "message",
    ts,
    text,
    blocks,
    bot_id: "B0TRACER",
    ...(threadTs === null ? {} : { thread_ts: threadTs }),
    ...(clientMessageId === null ? {} : { client_msg_id: clientMessageId }),
    ...(withMetadata && metadata !== undefined ? { metadata } : {}),
  };
}
