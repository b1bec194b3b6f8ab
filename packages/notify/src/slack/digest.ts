import type { DigestTask, Verdict } from "@tracer/core";
import { digestFactsOf } from "../digest-facts.ts";
import { type FindResult, onlyLooked, type PostResult, waitedLongEnough } from "./deliver.ts";
import { escapeMrkdwn, escapeUnlinked } from "./escape.ts";
import { digestMetadataOf, uuidOf } from "./identity.ts";
import {
  type Block,
  linkOf,
  MAYBE_REPEAT,
  SECTION_CHARS_MAX,
  type SlackContent,
} from "./render.ts";

/** Escaped text of all names; with the other lines it stays far under what Slack takes. */
const NAMES_CHARS_MAX = 8_400;
/** The same without blocks, where Slack advises 4,000 for everything. */
const PLAIN_NAMES_CHARS_MAX = 2_000;
const LINE_CHARS_MAX = 400;
const REST_CHARS_MAX = 700;

/** A digest: its counts, the most urgent by name, and the rest counted. */
export function renderDigest(task: DigestTask, { maybeRepeat = false } = {}): SlackContent {
  const { lead, sections, rest, link } = partsOf(task, {
    maybeRepeat,
    namesCharsMax: NAMES_CHARS_MAX,
  });
  const blocks: Block[] = [lead, ...sections, ...rest].map((text) => ({
    type: "section",
    text: { type: "mrkdwn", verbatim: true, text },
  }));
  if (link !== null) {
    const text = { type: "plain_text", text: "Open incidents" } as const;
    const button = { type: "button", action_id: "open", text, url: link } as const;
    blocks.push({ type: "actions", block_id: `tracer:${task.id}`, elements: [button] });
  }
  const repeat = maybeRepeat ? ` · _${MAYBE_REPEAT}_` : "";
  const context = { type: "mrkdwn", verbatim: true, text: `\`${task.id}\`${repeat}` } as const;
  blocks.push({ type: "context", elements: [context] });
  return { text: lockText(task, maybeRepeat), blocks };
}

/** The same without blocks, for when Slack refuses them. */
export function renderPlainDigest(task: DigestTask, { maybeRepeat = false } = {}): SlackContent {
  const { sections, rest, link } = partsOf(task, {
    maybeRepeat,
    namesCharsMax: PLAIN_NAMES_CHARS_MAX,
  });
  const lines = [lockText(task, maybeRepeat), ...sections, ...rest];
  if (link !== null)
    lines.push(`<${escapeMrkdwn(link, SECTION_CHARS_MAX).replaceAll("|", "%7C")}>`);
  lines.push(`\`${task.id}\``);
  return { text: lines.join("\n"), blocks: [] };
}

function partsOf(
  task: DigestTask,
  { maybeRepeat, namesCharsMax }: { readonly maybeRepeat: boolean; readonly namesCharsMax: number },
) {
  const facts = digestFactsOf(task);
  const sections: string[] = [];
  let chars = 0;
  let named = 0;
  for (const name of facts.named) {
    const line = `• ${escapeUnlinked(name, LINE_CHARS_MAX)}`;
    if (chars + line.length + 1 > namesCharsMax) break;
    const last = sections.at(-1);
    if (last !== undefined && last.length + line.length + 1 <= SECTION_CHARS_MAX) {
      sections[sections.length - 1] = `${last}\n${line}`;
    } else {
      sections.push(line);
    }
    chars += line.length + 1;
    named += 1;
  }
  const rest = [facts.rest(named), facts.undelivered]
    .filter((line) => line !== null)
    .map((line) => escapeUnlinked(line, REST_CHARS_MAX));
  const repeat = maybeRepeat ? ` (${MAYBE_REPEAT})` : "";
  const lead = `${facts.emoji} *${escapeMrkdwn(facts.lockLine, LINE_CHARS_MAX)}*${repeat}`;
  return { lead, sections, rest, link: linkOf(task) };
}

function lockText(task: DigestTask, maybeRepeat: boolean): string {
  const { lockLine } = digestFactsOf(task);
  return `${escapeUnlinked(lockLine, LINE_CHARS_MAX)}${maybeRepeat ? ` (${MAYBE_REPEAT})` : ""}`;
}

/** The body of `chat.postMessage` for a digest. */
export function slackDigest(
  task: DigestTask,
  options: { readonly channel: string; readonly maybeRepeat: boolean; readonly plain: boolean },
) {
  const { channel, maybeRepeat, plain } = options;
  return {
    channel,
    ...(plain ? renderPlainDigest : renderDigest)(task, { maybeRepeat }),
    unfurl_links: false,
    unfurl_media: false,
    client_msg_id: uuidOf(JSON.stringify(["digest", task.id, channel])),
    metadata: digestMetadataOf(task),
  };
}

/** A way to Slack for digests. One try each, never throws. */
export interface DigestPort {
  post(
    task: DigestTask,
    options: { readonly maybeRepeat: boolean },
    signal: AbortSignal,
  ): Promise<PostResult>;
  find(task: DigestTask, signal: AbortSignal): Promise<FindResult>;
}

export interface DeliverDigestOptions {
  readonly port: DigestPort;
  readonly settle: (signal: AbortSignal) => Promise<void>;
}

/** Posts a digest, unless an earlier attempt turns out to have posted it already. */
export async function deliverDigest(
  task: DigestTask,
  { port, settle }: DeliverDigestOptions,
  signal: AbortSignal,
): Promise<Verdict> {
  let maybeRepeat = false;
  if (task.uncertain) {
    await settle(signal);
    if (signal.aborted) return { kind: "retry", reason: "aborted", afterMs: null };
    const found = await port.find(task, signal);
    if (found.kind === "found") {
      return { kind: "sent", receipt: { ...found.receipt, digest: task.id } };
    }
    if (found.kind === "failed") return found.verdict;
    if (found.kind === "unreadable") {
      // As with a single message: a look that is slow may succeed the next time.
      if (found.verdict !== undefined && !waitedLongEnough(task)) return onlyLooked(found.verdict);
      maybeRepeat = true;
    }
  }
  const result = await port.post(task, { maybeRepeat }, signal);
  if (result.kind === "failed") return result.verdict;
  const receipt = { ...result.receipt, digest: task.id };
  return { kind: "sent", receipt, ...(maybeRepeat ? { maybeRepeat } : {}) };
}
