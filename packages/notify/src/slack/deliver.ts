import type { DeliveryTask, Verdict } from "@tracer/core";
import { SENT_NOTHING } from "../channel.ts";
import { aloneOf, cardOf, isWorst } from "../group.ts";
import type { NotSent } from "./answer.ts";

/** Where a message is. Kept with the incident, and all that an edit or a thread reply needs. */
export interface SlackReceipt {
  readonly channel: string;
  readonly ts: string;
}

export type PostResult =
  | { readonly kind: "posted"; readonly receipt: SlackReceipt | null }
  | { readonly kind: "failed"; readonly error: string | null; readonly verdict: NotSent };

export type FindResult =
  | { readonly kind: "found"; readonly receipt: SlackReceipt }
  | { readonly kind: "absent" }
  /** The history cannot be read, now or ever; with a verdict: not now. */
  | { readonly kind: "unreadable"; readonly verdict?: NotSent }
  /** It cannot be read, and a post would end the same way: not the time to post. */
  | { readonly kind: "failed"; readonly verdict: NotSent };

export interface PostOptions {
  /** The message to answer under; null for a new one. */
  readonly thread: SlackReceipt | null;
  readonly maybeRepeat: boolean;
}

export interface FindOptions {
  /** `delivery`: this very delivery. `incident`: the first message of the incident. */
  readonly match: "delivery" | "incident";
  readonly thread: SlackReceipt | null;
}

/** A way to Slack: its own API, or Composio's tools. One try each, never throws. */
export interface SlackPort {
  post(task: DeliveryTask, options: PostOptions, signal: AbortSignal): Promise<PostResult>;
  /** The task is a card as `cardOf` makes it. */
  update(task: DeliveryTask, at: SlackReceipt, signal: AbortSignal): Promise<PostResult>;
  find(task: DeliveryTask, options: FindOptions, signal: AbortSignal): Promise<FindResult>;
}

export interface DeliverOptions {
  readonly port: SlackPort;
  /** Lets a message that may be under way appear in the history. */
  readonly settle: (signal: AbortSignal) => Promise<void>;
}

/**
 * One delivery of an incident to a Slack channel: the first message is posted once and then edited in
 * place; escalations and reminders answer under it.
 *
 *     no message ─open, escalate, repeat, test→ posted ─edit, resolve→ edited
 *                                               posted ─escalate, repeat→ reply under it
 *     no message ─edit→ nothing                 no message ─resolve→ nothing, unless one is found
 *     in a digest ─open, escalate, repeat→ posted           ─edit→ nothing
 *     in a digest ─resolve→ reply under the digest
 *     message of the group ─open→ edited, and a reply under it if nothing in the group is as bad
 */
export async function deliverToSlack(
  task: DeliveryTask,
  options: DeliverOptions,
  signal: AbortSignal,
): Promise<Verdict> {
  const first = receiptOf(task.receipt);
  switch (task.action) {
    case "open":
      return first === null
        ? postOnce(task, null, options, signal)
        : join(task, first, options, signal);
    case "test":
      return postOnce(task, null, options, signal);
    case "escalate":
    case "repeat":
      return reply(task, first, options, signal);
    case "edit":
      return first === null ? SENT_NOTHING : edit(task, first, options, signal);
    case "resolve":
      return resolve(task, first, options, signal);
    default:
      return task.action satisfies never;
  }
}

/** The incident's own message; null when there is none, or its receipt is a digest's. */
function receiptOf(receipt: DeliveryTask["receipt"]): SlackReceipt | null {
  return receipt?.["digest"] === undefined ? placeOf(receipt) : null;
}

function placeOf(receipt: DeliveryTask["receipt"]): SlackReceipt | null {
  const channel = receipt?.["channel"];
  const ts = receipt?.["ts"];
  return channel && ts ? { channel, ts } : null;
}

/**
 * A history that is out of order is waited for so long after the attempt that may have sent, and asked for so many
 * times: then a second copy, marked, is better than none. If its end is unknown, too, four times as long is waited
 * before the next, or a provider that takes everything and answers nothing would show a copy every few minutes.
 */
export const HISTORY_WAIT_MS = 120_000;
export const LOOKS_MIN = 3;
const WAIT_GROWTH = 4;

type Unknown = Pick<DeliveryTask, "unknownEnds" | "unknownMs" | "attempts">;

/** A copy may be sent although the history was not there to be asked. */
export function waitedLongEnough({ unknownEnds, unknownMs, attempts }: Unknown): boolean {
  const waitMs = HISTORY_WAIT_MS * WAIT_GROWTH ** Math.max(0, unknownEnds - 1);
  return unknownMs >= waitMs && attempts - unknownEnds >= LOOKS_MIN;
}

/** Nothing was sent this time. What was uncertain stays so: the earlier attempt is in the books. */
export function onlyLooked({ reason }: NotSent): Verdict {
  return { kind: "retry", reason: `look: ${reason}`, afterMs: null };
}

const THREAD_GONE = /^(?:thread_not_found|cannot_reply_to_message|message_not_found)$/u;

/** Into the message of its group. Should that be gone, the incident has a message of its own. */
async function join(
  task: DeliveryTask,
  first: SlackReceipt,
  options: DeliverOptions,
  signal: AbortSignal,
): Promise<Verdict> {
  if (isWorst(task)) return reply(task, first, options, signal);
  const result = await options.port.update(cardOf(task), first, signal);
  if (result.kind === "posted") return sentAt(first);
  return editRefused(result.error) ? postOnce(task, null, options, signal) : result.verdict;
}

/** The card shows it, too. That is an edit like any other: should it fail, the next makes up for it. */
async function reply(
  task: DeliveryTask,
  first: SlackReceipt | null,
  options: DeliverOptions,
  signal: AbortSignal,
): Promise<Verdict> {
  if (first === null) return postOnce(task, null, options, signal);
  const verdict = await answer(task, first, options, signal);
  if (verdict.kind === "sent" && task.action !== "repeat") {
    await options.port.update(cardOf(task), first, signal);
  }
  return verdict;
}

async function answer(
  task: DeliveryTask,
  first: SlackReceipt,
  options: DeliverOptions,
  signal: AbortSignal,
): Promise<Verdict> {
  const verdict = await postOnce(task, first, options, signal);
  const gone = verdict.kind === "permanent" && THREAD_GONE.test(verdict.reason);
  // Somebody deleted the first message; the news is still news.
  return gone ? postOnce(task, null, options, signal) : verdict;
}

async function edit(
  task: DeliveryTask,
  first: SlackReceipt,
  { port }: DeliverOptions,
  signal: AbortSignal,
): Promise<Verdict> {
  const result = await port.update(cardOf(task), first, signal);
  if (result.kind === "posted") return sentAt(first);
  // A message that is gone or closed for edits needs none; the incident's next news finds its own way.
  return editRefused(result.error) ? sentAt(first) : result.verdict;
}

async function resolve(
  task: DeliveryTask,
  first: SlackReceipt | null,
  options: DeliverOptions,
  signal: AbortSignal,
): Promise<Verdict> {
  if (first === null && task.receipt?.["digest"] !== undefined) {
    const digest = placeOf(task.receipt);
    return digest === null
      ? postOnce(task, null, options, signal)
      : answer(task, digest, options, signal);
  }
  if (first === null) {
    // No receipt: either nothing was ever posted, and then there is nothing to take back, or a post ended
    // unknown and was given up. Only the history can tell; where it cannot be read, silence is likelier right.
    const found = await options.port.find(task, { match: "incident", thread: null }, signal);
    if (found.kind === "failed") return found.verdict;
    if (found.kind === "unreadable" && found.verdict !== undefined)
      return onlyLooked(found.verdict);
    return found.kind === "found" ? resolve(task, found.receipt, options, signal) : SENT_NOTHING;
  }
  const result = await options.port.update(cardOf(task), first, signal);
  if (result.kind === "posted") return sentAt(first);
  if (!editRefused(result.error)) return result.verdict;
  // Who was told that it began is told that it ended, if need be in a message of its own.
  const thread = result.error === "message_not_found" ? null : first;
  return postOnce(task, thread, options, signal);
}

function editRefused(error: string | null): boolean {
  return (
    error !== null &&
    /^(?:message_not_found|cant_update_message|edit_window_closed|update_failed)$/u.test(error)
  );
}

/** Posts, unless an earlier attempt of this delivery turns out to have posted already. */
async function postOnce(
  task: DeliveryTask,
  thread: SlackReceipt | null,
  { port, settle }: DeliverOptions,
  signal: AbortSignal,
): Promise<Verdict> {
  let maybeRepeat = false;
  if (task.uncertain) {
    await settle(signal);
    if (signal.aborted) return { kind: "retry", reason: "aborted", afterMs: null };
    const found = await port.find(task, { match: "delivery", thread }, signal);
    if (found.kind === "found") return sentAt(thread ?? found.receipt);
    // The earlier attempt is still unknown, so the delivery must stay so.
    if (found.kind === "failed") return found.verdict;
    if (found.kind === "unreadable") {
      if (found.verdict !== undefined && !waitedLongEnough(task)) return onlyLooked(found.verdict);
      maybeRepeat = true;
    }
  }
  const result = await port.post(aloneOf(task), { thread, maybeRepeat }, signal);
  if (result.kind === "failed") return result.verdict;
  // The first message stays the one that is edited, also after answers under it.
  const receipt = thread ?? result.receipt;
  const kept = receipt === null ? null : { ...receipt };
  return maybeRepeat
    ? { kind: "sent", receipt: kept, maybeRepeat: true }
    : { kind: "sent", receipt: kept };
}

function sentAt(receipt: SlackReceipt): Verdict {
  return { kind: "sent", receipt: { ...receipt } };
}
