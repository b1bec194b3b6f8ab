import type { Verdict } from "@tracer/core";
import type { Notice } from "../channel.ts";
import type { PostResult, SlackReceipt } from "./deliver.ts";
import { escapeMrkdwn } from "./escape.ts";

const TITLE_CHARS_MAX = 300;
const TEXT_CHARS_MAX = 2_000;

/** What is told of Tracer itself, as mrkdwn. */
export function noticeText({ state, title, text }: Notice): string {
  const lead = state === "over" ? ":white_check_mark: *RESOLVED*" : ":rotating_light: *CRITICAL*";
  return `${lead} *${escapeMrkdwn(title, TITLE_CHARS_MAX)}*\n${escapeMrkdwn(text, TEXT_CHARS_MAX)}`;
}

/** Under what was told before, and in the channel, too: an edit would be seen by nobody. */
export function noticePlace(notice: Notice) {
  const at = noticeReceipt(notice);
  return at === null ? {} : { channel: at.channel, thread_ts: at.ts, reply_broadcast: true };
}

export function noticeVerdict(result: PostResult): Verdict {
  if (result.kind === "failed") return result.verdict;
  return { kind: "sent", receipt: result.receipt === null ? null : { ...result.receipt } };
}

function noticeReceipt({ receipt }: Notice): SlackReceipt | null {
  const channel = receipt?.["channel"];
  const ts = receipt?.["ts"];
  return channel && ts ? { channel, ts } : null;
}
