import type { DeliveryTask, DigestTask, Verdict } from "@tracer/core";
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
import { request, requireHttpUrl } from "../http.ts";
import { blocksRefused, type SlackAnswer, slackAnswer } from "./answer.ts";
import { slackFindings, slackFix, slackLink } from "./check.ts";
import {
  deliverToSlack,
  type PostOptions,
  type PostResult,
  type SlackPort,
  type SlackReceipt,
} from "./deliver.ts";
import { type DigestPort, deliverDigest, slackDigest } from "./digest.ts";
import {
  findDigestInHistory,
  findInHistory,
  findNoticeInHistory,
  type HistoryMethod,
} from "./history.ts";
import { noticeMetadataOf } from "./identity.ts";
import { slackMessage, slackUpdate } from "./message.ts";
import { noticePlace, noticeText, noticeVerdict } from "./notice.ts";

export interface SlackChannelOptions {
  readonly name?: string;
  /** Bot token with `chat:write`; with `channels:history` an unknown end can be looked up. */
  readonly token: string;
  /** Channel id, or a name; only with an id can an unknown end be looked up before the first answer. */
  readonly channel: string;
  /** Default https://slack.com/api. */
  readonly apiUrl?: string;
  /** Incidents that belong together share one message. Default true. */
  readonly groups?: boolean;
  readonly timings?: Partial<Timings>;
}

/** Slack by bot token: one message per incident, edited in place. */
export function slackChannel(options: SlackChannelOptions): Channel {
  const { name = "slack", channel } = options;
  const timings = { ...DEFAULT_TIMINGS, ...options.timings };
  const api = slackApi({
    token: options.token,
    apiUrl: requireHttpUrl("SLACK_API_URL", options.apiUrl ?? "https://slack.com/api"),
    timings,
  });
  // History wants an id; the first answer to a post tells it when the configuration has only a name.
  let knownId: string | null = null;
  const port: SlackPort = {
    async post(task, post, signal) {
      const result = await postMessage(task, post, { api, channel, signal });
      if (result.kind === "posted" && result.receipt !== null) knownId = result.receipt.channel;
      return result;
    },
    async update(task, at, signal) {
      return updateMessage(task, at, { api, signal });
    },
    async find(task, find, signal) {
      const where = find.thread?.channel ?? knownId ?? channel;
      const deadline = within(timings.lookupMs, signal);
      const read = (method: HistoryMethod, query: Readonly<Record<string, string>>) =>
        api.read(method, query, deadline);
      return findInHistory(task, { ...find, channel: where, read });
    },
  };
  const digests: DigestPort = {
    async post(task, post, signal) {
      const result = await postDigest(task, post, { api, channel, signal });
      if (result.kind === "posted" && result.receipt !== null) knownId = result.receipt.channel;
      return result;
    },
    async find(task, signal) {
      const deadline = within(timings.lookupMs, signal);
      const read = (method: HistoryMethod, query: Readonly<Record<string, string>>) =>
        api.read(method, query, deadline);
      return findDigestInHistory(task, { channel: knownId ?? channel, read });
    },
  };
  const settle = (signal: AbortSignal) => pause(timings.settleMs, signal);
  /** Null: nobody has told it, or that cannot be known: then it is told, twice is better than never. */
  const toldNotice = async (notice: Notice, signal: AbortSignal): Promise<SlackReceipt | null> => {
    if (notice.since === undefined) return null;
    const deadline = within(timings.lookupMs, signal);
    const read = (method: HistoryMethod, query: Readonly<Record<string, string>>) =>
      api.read(method, query, deadline);
    const where = { channel: knownId ?? channel, read, since: notice.since };
    const found = await findNoticeInHistory(notice, where);
    return found.kind === "found" ? found.receipt : null;
  };
  const reader =
    (signal: AbortSignal) => (method: string, query: Readonly<Record<string, string>>) =>
      api.read(method, query, signal);
  return {
    name,
    kind: "slack",
    ownAlone: true,
    groups: options.groups ?? true,
    fixOf: fixOfSlack,
    check: checked((signal) => slackFindings(reader(signal), fixOfSlack), timings),
    linkTo: (receipt, signal) => slackLink(reader(within(timings.lookupMs, signal)), receipt),
    send: guarded((task, signal) => deliverToSlack(task, { port, settle }, signal), timings),
    sendDigest: guarded(
      (task, signal) => deliverDigest(task, { port: digests, settle }, signal),
      timings,
    ),
    sendNotice: guarded(async (notice, signal) => {
      const told = await toldNotice(notice, signal);
      if (told !== null) return { kind: "sent", receipt: { ...told } };
      const verdict = await postNotice(notice, { api, channel, signal });
      if (verdict.kind === "sent") knownId = verdict.receipt?.["channel"] ?? knownId;
      return verdict;
    }, timings),
  };
}

const fixOfSlack = (reason: string) =>
  slackFix(reason, {
    reconnect:
      "the token is not valid any more: copy the bot token from OAuth & Permissions of the Slack app",
  });

/** Calls of a Slack API that take a message; Composio's proxy has the same shape. */
export interface SlackCalls {
  write(
    method: "chat.postMessage" | "chat.update",
    body: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<SlackAnswer>;
}

interface CallOptions {
  readonly api: SlackCalls;
  readonly signal: AbortSignal;
}

/** Posts with blocks, and once more as plain text if it was the blocks that Slack refused. */
export async function postMessage(
  task: DeliveryTask,
  post: PostOptions,
  { api, channel, signal }: CallOptions & { readonly channel: string },
): Promise<PostResult> {
  const body = slackMessage(task, { ...post, channel, plain: false });
  let answer = await api.write("chat.postMessage", body, signal);
  if (answer.kind === "failed" && blocksRefused(answer.error)) {
    const plain = slackMessage(task, { ...post, channel, plain: true });
    answer = await api.write("chat.postMessage", plain, signal);
  }
  return postResult(answer);
}

/** As `postMessage`, for a digest. */
export async function postDigest(
  task: DigestTask,
  { maybeRepeat }: { readonly maybeRepeat: boolean },
  { api, channel, signal }: CallOptions & { readonly channel: string },
): Promise<PostResult> {
  const body = slackDigest(task, { maybeRepeat, channel, plain: false });
  let answer = await api.write("chat.postMessage", body, signal);
  if (answer.kind === "failed" && blocksRefused(answer.error)) {
    const plain = slackDigest(task, { maybeRepeat, channel, plain: true });
    answer = await api.write("chat.postMessage", plain, signal);
  }
  return postResult(answer);
}

export async function updateMessage(
  task: DeliveryTask,
  at: SlackReceipt,
  { api, signal }: CallOptions,
): Promise<PostResult> {
  let answer = await api.write("chat.update", slackUpdate(task, at, { plain: false }), signal);
  if (answer.kind === "failed" && blocksRefused(answer.error)) {
    answer = await api.write("chat.update", slackUpdate(task, at, { plain: true }), signal);
  }
  return postResult(answer);
}

/** Tells of Tracer itself. */
export async function postNotice(
  notice: Notice,
  { api, channel, signal }: CallOptions & { readonly channel: string },
): Promise<Verdict> {
  const message = { channel, text: noticeText(notice), unfurl_links: false, unfurl_media: false };
  const body = { ...message, ...noticePlace(notice), metadata: noticeMetadataOf(notice) };
  return noticeVerdict(postResult(await api.write("chat.postMessage", body, signal)));
}

function postResult(answer: SlackAnswer): PostResult {
  if (answer.kind === "failed") return answer;
  const { channel, ts } = answer.data;
  const known = typeof channel === "string" && typeof ts === "string";
  return { kind: "posted", receipt: known ? { channel, ts } : null };
}

interface SlackApiOptions {
  readonly token: string;
  readonly apiUrl: string;
  readonly timings: Timings;
}

function slackApi({ token, apiUrl, timings }: SlackApiOptions) {
  const base = apiUrl.replace(/\/+$/u, "");
  const authorization = `Bearer ${token}`;
  return {
    async write(method: string, body: Readonly<Record<string, unknown>>, signal: AbortSignal) {
      const reply = await request(
        {
          url: `${base}/${method}`,
          method: "POST",
          headers: { authorization, "content-type": "application/json; charset=utf-8" },
          body: JSON.stringify(body),
          timeoutMs: timings.requestMs,
        },
        signal,
      );
      return slackAnswer(reply);
    },
    async read(method: string, query: Readonly<Record<string, string>>, signal: AbortSignal) {
      const reply = await request(
        {
          url: `${base}/${method}?${new URLSearchParams(query)}`,
          method: "GET",
          headers: { authorization },
          timeoutMs: timings.requestMs,
        },
        signal,
      );
      const scopes = reply.kind === "reply" ? reply.headers?.get("x-oauth-scopes") : null;
      if (scopes === null || scopes === undefined) return slackAnswer(reply);
      return { ...slackAnswer(reply), scopes: scopes.split(",").map((scope) => scope.trim()) };
    },
  };
}
