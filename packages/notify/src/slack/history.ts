import type { DeliveryTask, DigestTask } from "@tracer/core";
import { z } from "zod";
import type { Notice } from "../channel.ts";
import { unixSeconds } from "../facts.ts";
import type { SlackAnswer } from "./answer.ts";
import type { FindOptions, FindResult, SlackReceipt } from "./deliver.ts";
import { DIGEST_EVENT, METADATA_EVENT, NOTICE_EVENT } from "./identity.ts";
import { digestRef, markerOf } from "./marker.ts";

/** Pages of history that one look reads, and messages a page. Beyond it the look has failed. */
export const HISTORY_PAGES_MAX = 5;
export const HISTORY_PAGE_MESSAGES = 100;
/**
 * The database's clock and Slack's may differ; the match is exact, so looking further back is harmless, but for the
 * messages of others that have to be read. An onset may lie before what it was told by.
 */
const CLOCK_MARGIN_SECONDS = 120;
const ONSET_MARGIN_SECONDS = 600;

export type HistoryMethod = "conversations.history" | "conversations.replies";
export type HistoryReader = (
  method: HistoryMethod,
  query: Readonly<Record<string, string>>,
) => Promise<SlackAnswer>;

const Message = z.looseObject({
  ts: z.string(),
  text: z.string().optional(),
  thread_ts: z.string().optional(),
  metadata: z
    .looseObject({
      event_type: z.string().optional(),
      event_payload: z.record(z.string(), z.unknown()).optional(),
    })
    .optional(),
});
const Page = z.looseObject({
  messages: z.array(Message),
  has_more: z.boolean().optional(),
  response_metadata: z.looseObject({ next_cursor: z.string().optional() }).optional(),
});

type Message = z.infer<typeof Message>;

export interface FindInHistoryOptions extends FindOptions {
  /** Where to look; names do not work here, only ids do. */
  readonly channel: string;
  readonly read: HistoryReader;
}

/** Looks for our own message, by its metadata or else by the marker in its last line. */
export async function findInHistory(
  task: DeliveryTask,
  { channel, thread, match, read }: FindInHistoryOptions,
): Promise<FindResult> {
  return search({
    ...{ channel, thread, read },
    ...sinceOf(task, match),
    // The first message of the incident is the one to edit.
    wanted: match === "delivery" ? "any" : "first",
    isOurs: (message) => isOurs(message, task, match),
  });
}

/** A delivery was not sent before its first attempt that nobody knows the end of. */
function sinceOf(
  { incident, unknownSince }: DeliveryTask,
  match: FindOptions["match"],
): Pick<SearchOptions, "since" | "marginSeconds"> {
  return match === "delivery" && unknownSince !== undefined
    ? { since: unknownSince, marginSeconds: CLOCK_MARGIN_SECONDS }
    : { since: incident.openedAt, marginSeconds: ONSET_MARGIN_SECONDS };
}

/** Looks for the message of a digest. */
export function findDigestInHistory(
  task: DigestTask,
  { channel, read }: Pick<FindInHistoryOptions, "channel" | "read">,
): Promise<FindResult> {
  return search({
    ...{ channel, read, thread: null, since: task.since, wanted: "any" },
    isOurs: ({ metadata, text }) =>
      metadata?.event_type === DIGEST_EVENT
        ? metadata.event_payload?.["digest_id"] === task.id
        : markerOf(text ?? "")?.incidentId === digestRef(task),
  });
}

/** Looks whether the newest message about what a notice tells of says the same state of it. */
export async function findNoticeInHistory(
  { key, state }: Notice,
  { channel, read, since }: Pick<FindInHistoryOptions, "channel" | "read"> & { since: string },
): Promise<FindResult> {
  const seen: { readonly ts: string; readonly state: unknown }[] = [];
  const look = ({ ts, metadata }: Message) => {
    const payload = metadata?.event_type === NOTICE_EVENT ? metadata.event_payload : undefined;
    if (payload?.["key"] === key) seen.push({ ts, state: payload["state"] });
    return false; // All pages are read: the newest is asked for.
  };
  const result = await search({ channel, read, thread: null, since, wanted: "any", isOurs: look });
  const newest = seen.toSorted((one, other) => Number(other.ts) - Number(one.ts))[0];
  if (result.kind !== "absent" || newest?.state !== state) return result;
  return { kind: "found", receipt: { channel, ts: newest.ts } };
}

interface SearchOptions extends Pick<FindInHistoryOptions, "channel" | "thread" | "read"> {
  readonly since: string;
  /** Default ONSET_MARGIN_SECONDS. */
  readonly marginSeconds?: number;
  readonly wanted: "any" | "first";
  readonly isOurs: (message: Message) => boolean;
}

async function search(options: SearchOptions): Promise<FindResult> {
  const { channel, thread, read, since, wanted, isOurs } = options;
  const { marginSeconds = ONSET_MARGIN_SECONDS } = options;
  const method = thread === null ? "conversations.history" : "conversations.replies";
  const from = unixSeconds(since) ?? marginSeconds;
  const query = {
    channel,
    include_all_metadata: "true",
    inclusive: "true",
    limit: String(HISTORY_PAGE_MESSAGES),
    oldest: String(Math.max(0, from - marginSeconds)),
    ...(thread === null ? {} : { ts: thread.ts }),
  };
  let found: SlackReceipt | null = null;
  let cursor = "";
  for (let page = 0; page < HISTORY_PAGES_MAX; page += 1) {
    const answer = await read(method, cursor === "" ? query : { ...query, cursor });
    if (answer.kind === "failed") return unreadable(answer);
    const parsed = Page.safeParse(answer.data);
    if (!parsed.success) return { kind: "unreadable" };
    for (const message of parsed.data.messages) {
      if (!isOurs(message)) continue;
      if (wanted === "any") return { kind: "found", receipt: { channel, ts: message.ts } };
      if (found === null || Number(message.ts) < Number(found.ts)) {
        found = { channel, ts: message.ts };
      }
    }
    cursor = parsed.data.response_metadata?.next_cursor ?? "";
    if (cursor === "")
      return found === null ? { kind: "absent" } : { kind: "found", receipt: found };
  }
  return found === null ? { kind: "unreadable" } : { kind: "found", receipt: found };
}

function unreadable(answer: SlackAnswer & { kind: "failed" }): FindResult {
  // Slack is not taking calls now, so a post would fail too and a later look may succeed.
  if (answer.verdict.kind === "retry") return { kind: "failed", verdict: answer.verdict };
  // It broke off, hung or broke down: it may be well again later. Anything else stays as it is.
  return answer.verdict.kind === "ambiguous"
    ? { kind: "unreadable", verdict: answer.verdict }
    : { kind: "unreadable" };
}

function isOurs(message: Message, task: DeliveryTask, match: FindOptions["match"]): boolean {
  const isReply = message.thread_ts !== undefined && message.thread_ts !== message.ts;
  if (match === "incident" && isReply) return false;
  if (message.metadata?.event_type === METADATA_EVENT) {
    const payload = message.metadata.event_payload ?? {};
    if (payload["incident_id"] !== task.incident.id) return false;
    return match === "incident" || payload["delivery_id"] === task.deliveryId;
  }
  const marker = markerOf(message.text ?? "");
  if (marker === null || marker.incidentId !== task.incident.id) return false;
  return match === "incident" || marker.seq === task.seq;
}
