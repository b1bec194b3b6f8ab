import { type DeliveryTask, type DigestTask, TracerError, type Verdict } from "@tracer/core";
import { z } from "zod";
import {
  type Channel,
  checked,
  DEFAULT_TIMINGS,
  guarded,
  type Notice,
  pause,
  type Timings,
  within,
} from "../channel.ts";
import { requireHttpUrl, retryAfter } from "../http.ts";
import { type SlackAnswer, slackResult } from "../slack/answer.ts";
import {
  postDigest,
  postMessage,
  postNotice,
  type SlackCalls,
  updateMessage,
} from "../slack/channel.ts";
import { type SlackReader, slackFix, slackLink } from "../slack/check.ts";
import {
  deliverToSlack,
  type FindOptions,
  type PostResult,
  type SlackPort,
} from "../slack/deliver.ts";
import { type DigestPort, deliverDigest } from "../slack/digest.ts";
import { findDigestInHistory, findInHistory, type HistoryReader } from "../slack/history.ts";
import { noticePlace, noticeVerdict } from "../slack/notice.ts";
import {
  type ComposioLookOptions,
  composioFindings,
  composioFix,
  connectFix,
  readFinding,
  type UsedTool,
} from "./check.ts";
import { renderMarkdown, renderMarkdownDigest, renderMarkdownNotice } from "./render.ts";
import { type ComposioSession, composioSession, type SessionStore } from "./session.ts";
import { innerErrorFailure } from "./verdict.ts";

/** Names of the tools. Composio renames them now and then. */
export interface ComposioSlugs {
  readonly post: string;
  readonly update: string;
  readonly history: string;
}

export interface ComposioSlackChannelOptions {
  readonly name?: string;
  readonly apiKey: string;
  /** Default https://backend.composio.dev. Always passed on, so that no stray file decides. */
  readonly baseUrl?: string;
  /** Slack channel id, or a name; an unknown end can only be looked up with an id. */
  readonly channel: string;
  /** Whose connections are used. */
  readonly userId: string;
  /** Toolkits of the session; the first is the one that speaks. Default `["slackbot"]`, which acts as a bot. */
  readonly toolkits?: readonly string[];
  /** `tool`: one execution by slug, Markdown. `proxy`: Slack's own API with Block Kit. Default `tool`. */
  readonly via?: "tool" | "proxy";
  readonly slugs?: Partial<ComposioSlugs>;
  readonly sessionStore?: SessionStore;
  /** Incidents that belong together share one message. Default true. */
  readonly groups?: boolean;
  readonly timings?: Partial<Timings>;
}

/** Slack through Composio's Tool Router. One alert is one execution, never retried below the outbox. */
export function composioSlackChannel(options: ComposioSlackChannelOptions): Channel {
  const { name = "composio-slack", apiKey, channel, userId, toolkits = ["slackbot"] } = options;
  // The SDK would look for another key in the environment and in the home folder.
  if (apiKey === "") throw new TracerError("CONFIG_INVALID", "COMPOSIO_API_KEY is empty");
  const baseUrl = requireHttpUrl(
    "COMPOSIO_BASE_URL",
    options.baseUrl ?? "https://backend.composio.dev",
  );
  const timings = { ...DEFAULT_TIMINGS, ...options.timings };
  const session = composioSession({
    apiKey,
    baseUrl,
    userId,
    toolkits,
    timings,
    ...(options.sessionStore === undefined ? {} : { sessionStore: options.sessionStore }),
  });
  const toolkit = toolkits[0] ?? "slackbot";
  const speaker: Speaker = { session, toolkit, timings, slugs: slugsOf(toolkit, options.slugs) };
  let knownId: string | null = null;
  const ways = options.via === "proxy" ? proxyWays(speaker, channel) : toolWays(speaker, channel);
  const port: SlackPort = {
    async post(task, post, signal) {
      const result = await ways.post(task, post, signal);
      if (result.kind === "posted" && result.receipt !== null) knownId = result.receipt.channel;
      return result;
    },
    update: ways.update,
    find: (task, find, signal) =>
      findMessage(
        task,
        { ...find, channel: find.thread?.channel ?? knownId ?? channel },
        speaker,
        signal,
      ),
  };
  const digests: DigestPort = {
    async post(task, post, signal) {
      const result = await ways.postDigest(task, post, signal);
      if (result.kind === "posted" && result.receipt !== null) knownId = result.receipt.channel;
      return result;
    },
    find: (task, signal) => findDigest(task, knownId ?? channel, speaker, signal),
  };
  const settle = (signal: AbortSignal) => pause(timings.settleMs, signal);
  const fixOf = (reason: string) =>
    composioFix(reason, toolkit) ?? slackFix(reason, { reconnect: connectFix(toolkit) });
  const tools = options.via === "proxy" ? [] : usedTools(speaker.slugs);
  const look: ComposioLookOptions = {
    ...{ session, timeoutMs: timings.requestMs, toolkit, tools, fixOf },
  };
  const reader = (signal: AbortSignal): SlackReader => {
    const deadline = within(timings.lookupMs, signal);
    return (method, query) =>
      proxy(speaker, { method, query, timeoutMs: timings.lookupMs }, deadline);
  };
  return {
    name,
    kind: "composio-slack",
    ownAlone: true,
    groups: options.groups ?? true,
    fixOf,
    check: checked(
      async (signal) => [
        ...(await composioFindings(look, signal)),
        await readFinding(look, signal),
      ],
      timings,
    ),
    linkTo: (receipt, signal) => slackLink(reader(signal), receipt),
    send: guarded((task, signal) => deliverToSlack(task, { port, settle }, signal), timings),
    sendDigest: guarded(
      (task, signal) => deliverDigest(task, { port: digests, settle }, signal),
      timings,
    ),
    sendNotice: guarded(ways.notice, timings),
  };
}

interface Speaker {
  readonly session: ComposioSession;
  readonly toolkit: string;
  readonly timings: Timings;
  readonly slugs: ComposioSlugs;
}

interface Ways extends Pick<SlackPort, "post" | "update"> {
  readonly postDigest: DigestPort["post"];
  notice(notice: Notice, signal: AbortSignal): Promise<Verdict>;
}

function slugsOf(toolkit: string, given: Partial<ComposioSlugs> = {}): ComposioSlugs {
  const prefix = toolkit.toUpperCase();
  return {
    post: `${prefix}_SEND_MESSAGE`,
    update: `${prefix}_UPDATES_A_SLACK_MESSAGE`,
    history: `${prefix}_FETCH_CONVERSATION_HISTORY`,
    ...given,
  };
}

/** What `toolWays` calls, with all arguments that it may give. */
function usedTools({ post, update, history }: ComposioSlugs): UsedTool[] {
  const place = ["thread_ts", "reply_broadcast", "unfurl_links", "unfurl_media"];
  return [
    { slug: post, args: ["channel", "markdown_text", ...place], setting: "COMPOSIO_POST_SLUG" },
    { slug: update, args: ["channel", "ts", "markdown_text"], setting: "COMPOSIO_UPDATE_SLUG" },
    {
      slug: history,
      args: ["channel", "limit", "oldest", "inclusive", "include_all_metadata", "cursor"],
      setting: "COMPOSIO_HISTORY_SLUG",
    },
  ];
}

/** Through Slack's own API, with blocks and metadata. */
function proxyWays(speaker: Speaker, channel: string): Ways {
  const api: SlackCalls = {
    write: (method, body, signal) =>
      proxy(speaker, { method, body, timeoutMs: speaker.timings.requestMs }, signal),
  };
  return {
    post: (task, post, signal) => postMessage(task, post, { api, channel, signal }),
    update: (task, at, signal) => updateMessage(task, at, { api, signal }),
    postDigest: (task, post, signal) => postDigest(task, post, { api, channel, signal }),
    notice: (notice, signal) => postNotice(notice, { api, channel, signal }),
  };
}

/** By tools. They take Markdown and no metadata: the message carries its marker as its last line. */
function toolWays(speaker: Speaker, channel: string): Ways {
  const { slugs, timings } = speaker;
  const run = async (slug: string, args: Record<string, unknown>, signal: AbortSignal) =>
    postResult(await execute(speaker, { slug, args, timeoutMs: timings.requestMs }, signal));
  return {
    post(task, { thread, maybeRepeat }, signal) {
      const place = thread === null ? {} : { thread_ts: thread.ts, reply_broadcast: true };
      const reply = thread !== null && task.action !== "resolve";
      const args = {
        channel: thread?.channel ?? channel,
        markdown_text: renderMarkdown(task, { maybeRepeat, reply }),
        unfurl_links: false,
        unfurl_media: false,
        ...place,
      };
      return run(slugs.post, args, signal);
    },
    update(task, at, signal) {
      const args = { channel: at.channel, ts: at.ts, markdown_text: renderMarkdown(task) };
      return run(slugs.update, args, signal);
    },
    postDigest(task, post, signal) {
      const text = renderMarkdownDigest(task, post);
      const args = { channel, markdown_text: text, unfurl_links: false, unfurl_media: false };
      return run(slugs.post, args, signal);
    },
    async notice(notice, signal) {
      const message = { channel, markdown_text: renderMarkdownNotice(notice) };
      const args = { ...message, unfurl_links: false, unfurl_media: false, ...noticePlace(notice) };
      return noticeVerdict(await run(slugs.post, args, signal));
    },
  };
}

/** Asks the proxy for the history, which shows metadata, and if that way is closed the tool. */
async function findMessage(
  task: DeliveryTask,
  find: FindOptions & { readonly channel: string },
  speaker: Speaker,
  signal: AbortSignal,
) {
  const found = await findInHistory(task, { ...find, read: byProxy(speaker, signal) });
  // The tool for the history reads a channel, not a thread.
  if (found.kind !== "unreadable" || find.thread !== null) return found;
  const byHand = await findInHistory(task, { ...find, read: byTool(speaker, signal) });
  // What one way may tell later, the other need not know now.
  return byHand.kind === "unreadable" ? { ...found, ...byHand } : byHand;
}

async function findDigest(
  task: DigestTask,
  channel: string,
  speaker: Speaker,
  signal: AbortSignal,
) {
  const found = await findDigestInHistory(task, { channel, read: byProxy(speaker, signal) });
  if (found.kind !== "unreadable") return found;
  const byHand = await findDigestInHistory(task, { channel, read: byTool(speaker, signal) });
  return byHand.kind === "unreadable" ? { ...found, ...byHand } : byHand;
}

function byProxy(speaker: Speaker, signal: AbortSignal): HistoryReader {
  const { lookupMs: timeoutMs } = speaker.timings;
  const deadline = within(timeoutMs, signal);
  return (method, query) => proxy(speaker, { method, query, timeoutMs }, deadline);
}

function byTool(speaker: Speaker, signal: AbortSignal): HistoryReader {
  const { lookupMs: timeoutMs } = speaker.timings;
  const deadline = within(timeoutMs, signal);
  return (_method, query) => {
    const { channel, limit, oldest, cursor } = query;
    const page = {
      channel,
      limit: Number(limit),
      oldest,
      inclusive: true,
      include_all_metadata: true,
    };
    const args = cursor === undefined ? page : { ...page, cursor };
    return execute(speaker, { slug: speaker.slugs.history, args, timeoutMs }, deadline);
  };
}

const ExecuteReply = z.looseObject({
  data: z.unknown().optional(),
  error: z.string().nullish(),
});

interface ExecuteOptions {
  readonly slug: string;
  readonly args: Record<string, unknown>;
  readonly timeoutMs: number;
}

/** One execution of a tool. A 200 is success only when `error` is null and Slack does not say `ok: false`. */
async function execute(
  { session }: Speaker,
  { slug, args, timeoutMs }: ExecuteOptions,
  signal: AbortSignal,
): Promise<SlackAnswer> {
  const called = await session.call(
    (calls, id, once) => calls.execute(id, { tool_slug: slug, arguments: args }, once),
    signal,
    timeoutMs,
  );
  if (called.kind === "failed") return called;
  const reply = ExecuteReply.safeParse(called.value);
  if (!reply.success) return unreadableAnswer();
  const { error } = reply.data;
  if (error !== null && error !== undefined && error !== "") {
    return { kind: "failed", ...innerErrorFailure(error) };
  }
  const data = z.looseObject({ ok: z.boolean().optional() }).safeParse(reply.data.data ?? {});
  if (!data.success) return unreadableAnswer();
  return slackResult(200, { ok: true, ...data.data }, null);
}

const ProxyReply = z.looseObject({
  status: z.number(),
  data: z.unknown().optional(),
  headers: z.record(z.string(), z.string()).optional(),
});

interface ProxyOptions {
  readonly method: string;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** One call of Slack's own API through the proxy: three layers may say no. */
async function proxy(
  { session, toolkit }: Speaker,
  { method, body, query, timeoutMs }: ProxyOptions,
  signal: AbortSignal,
): Promise<SlackAnswer> {
  const parameters = Object.entries(query ?? {}).map(
    ([name, value]) => ({ name, value, type: "query" }) as const,
  );
  const request = {
    toolkit_slug: toolkit,
    endpoint: `https://slack.com/api/${method}`,
    method: body === undefined ? ("GET" as const) : ("POST" as const),
    ...(body === undefined ? { parameters } : { body }),
  };
  const called = await session.call(
    (calls, id, once) => calls.proxyExecute(id, request, once),
    signal,
    timeoutMs,
  );
  if (called.kind === "failed") return called;
  const reply = ProxyReply.safeParse(called.value);
  if (!reply.success) return unreadableAnswer();
  const headers = new Headers(reply.data.headers);
  const afterMs = retryAfter(headers.get("retry-after"), { answeredAt: headers.get("date") });
  return slackResult(reply.data.status, reply.data.data, afterMs);
}

function unreadableAnswer(): SlackAnswer {
  const verdict = { kind: "ambiguous", reason: "unreadable_answer" } as const;
  return { kind: "failed", error: null, verdict };
}

const Posted = z.looseObject({ channel: z.string(), ts: z.string() });

/** Tools answer with Slack's data, or with it under `message` or `data`. */
function postResult(answer: SlackAnswer): PostResult {
  if (answer.kind === "failed") return answer;
  const { data } = answer;
  for (const place of [data, data["data"], data["response_data"]]) {
    const posted = Posted.safeParse(place);
    if (posted.success) {
      const { channel, ts } = posted.data;
      return { kind: "posted", receipt: { channel, ts } };
    }
  }
  return { kind: "posted", receipt: null };
}
