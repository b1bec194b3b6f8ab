import type { DeliveryTask, Verdict } from "@tracer/core";
import { type Channel, DEFAULT_TIMINGS, guarded, SENT_NOTHING, type Timings } from "../channel.ts";
import { type HttpReply, request, requireHttpUrl } from "../http.ts";
import { blocksRefused, httpVerdict, type NotSent, slackErrorVerdict } from "./answer.ts";
import { renderDigest, renderPlainDigest } from "./digest.ts";
import { noticeText } from "./notice.ts";
import { renderCard, renderPlain, renderReply, type SlackContent } from "./render.ts";

export interface SlackWebhookChannelOptions {
  readonly name?: string;
  /** Incoming webhook. A secret: never in a reason or an error. */
  readonly url: string;
  readonly timings?: Partial<Timings>;
}

/** What a webhook leaves behind: no place, only that something was posted. */
const POSTED = { posted: "true" } as const;

/** Slack by incoming webhook. It cannot edit or look: edits are skipped, a resolve is a message of its own. */
export function slackWebhookChannel(options: SlackWebhookChannelOptions): Channel {
  const { name = "slack-webhook" } = options;
  const url = requireHttpUrl("SLACK_WEBHOOK_URL", options.url);
  const timings = { ...DEFAULT_TIMINGS, ...options.timings };
  const post = async (content: Partial<SlackContent>, signal: AbortSignal) => {
    const body = JSON.stringify({ ...content, unfurl_links: false, unfurl_media: false });
    const headers = { "content-type": "application/json; charset=utf-8" };
    const timeoutMs = timings.requestMs;
    return webhookAnswer(await request({ url, method: "POST", headers, body, timeoutMs }, signal));
  };
  return {
    name,
    kind: "slack-webhook",
    ownAlone: false, // What was posted stays as it is in any case.
    send: guarded(async (task, signal): Promise<Verdict> => {
      if (isSkipped(task)) return task.receipt === null ? SENT_NOTHING : sent(false);
      const maybeRepeat = task.uncertain; // It cannot be looked up, and lost is worse than twice.
      let answer = await post(contentOf(task, maybeRepeat), signal);
      if (answer.kind === "failed" && blocksRefused(answer.error)) {
        answer = await post(renderPlain(task, { maybeRepeat }), signal);
      }
      return answer.kind === "failed" ? answer.verdict : sent(maybeRepeat);
    }, timings),
    sendDigest: guarded(async (task, signal): Promise<Verdict> => {
      const maybeRepeat = task.uncertain;
      let answer = await post(renderDigest(task, { maybeRepeat }), signal);
      if (answer.kind === "failed" && blocksRefused(answer.error)) {
        answer = await post(renderPlainDigest(task, { maybeRepeat }), signal);
      }
      if (answer.kind === "failed") return answer.verdict;
      return { ...sent(maybeRepeat), receipt: { ...POSTED, digest: task.id } };
    }, timings),
    sendNotice: guarded(async (notice, signal): Promise<Verdict> => {
      const answer = await post({ text: noticeText(notice) }, signal);
      return answer.kind === "failed" ? answer.verdict : sent(false);
    }, timings),
  };
}

/** An edit has no place; a resolve has nobody to tell when nothing was ever posted. */
function isSkipped(task: DeliveryTask): boolean {
  return task.action === "edit" || (task.action === "resolve" && task.receipt === null);
}

function contentOf(task: DeliveryTask, maybeRepeat: boolean): SlackContent {
  const first = task.action === "open" || task.action === "test";
  return first ? renderCard(task, { maybeRepeat }) : renderReply(task, { maybeRepeat });
}

function sent(maybeRepeat: boolean): Extract<Verdict, { kind: "sent" }> {
  return { kind: "sent", receipt: POSTED, ...(maybeRepeat ? { maybeRepeat } : {}) };
}

type WebhookAnswer =
  | { readonly kind: "ok" }
  | { readonly kind: "failed"; readonly error: string | null; readonly verdict: NotSent };

/** Success is 200 with the text `ok`; errors are a code as text. */
export function webhookAnswer(reply: HttpReply): WebhookAnswer {
  switch (reply.kind) {
    case "not_sent":
      return failed(null, { kind: "retry", reason: reply.reason, afterMs: null });
    case "unknown":
      return failed(null, { kind: "ambiguous", reason: reply.reason });
    case "reply":
      break;
    default:
      return reply satisfies never;
  }
  const { status, retryAfterMs } = reply;
  const error = reply.text.trim();
  if (status === 200) return { kind: "ok" };
  if (status === 429 || status >= 500 || !/^[a-z_]{1,60}$/u.test(error)) {
    return failed(null, httpVerdict(status, retryAfterMs));
  }
  return failed(error, slackErrorVerdict(error, retryAfterMs));
}

function failed(error: string | null, verdict: NotSent): WebhookAnswer {
  return { kind: "failed", error, verdict };
}
