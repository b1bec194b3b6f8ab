import { randomUUID } from "node:crypto";
import type { DeliveryTask, Verdict } from "@tracer/core";
import {
  type Channel,
  checked,
  DEFAULT_TIMINGS,
  type Finding,
  findingOf,
  guarded,
  SENT_NOTHING,
  type Timings,
} from "../channel.ts";
import { parseAddress, parseRecipients, parseSmtpUrl, required } from "./address.ts";
import {
  type MailContent,
  messageIdOf,
  renderMail,
  renderMailDigest,
  renderMailNotice,
} from "./render.ts";
import { type Mailer, openMailer } from "./smtp.ts";

export interface EmailChannelOptions {
  readonly name?: string;
  /** `smtp://user:password@host:587` or `smtps://…:465`. Holds a secret. */
  readonly smtpUrl: string;
  /** `tracer@example.org` or `Tracer <tracer@example.org>`. */
  readonly from: string;
  /** Addresses, separated by commas. */
  readonly to: string;
  readonly timings?: Partial<Timings>;
}

/**
 * Mail. All mails of an incident are one thread: the first has a Message-ID of its own, the others refer to it.
 * What was sent cannot be edited, so edits are skipped. Throws CONFIG_INVALID.
 */
export function emailChannel(options: EmailChannelOptions): Channel {
  const { name = "email" } = options;
  const target = required("SMTP_URL", parseSmtpUrl(options.smtpUrl));
  const { domain } = required("EMAIL_FROM", parseAddress(options.from));
  const to = required("EMAIL_TO", parseRecipients(options.to));
  const timings = { ...DEFAULT_TIMINGS, ...options.timings };
  const mailer = openMailer({ target, timeoutMs: timings.requestMs });
  const envelope: Envelope = { mailer, from: options.from, to, domain };
  return {
    name,
    kind: "email",
    ownAlone: false,
    fixOf: emailFix,
    check: checked(async (signal) => [await serverFinding(mailer, signal)], timings),
    send: guarded((task, signal) => sendIncident(task, envelope, signal), timings),
    sendDigest: guarded(async (task, signal): Promise<Verdict> => {
      const content = renderMailDigest(task, { maybeRepeat: task.uncertain });
      const id = messageIdOf(`digest ${task.id}`, domain);
      const verdict = await post(envelope, { content, id, parent: null }, signal);
      if (verdict.kind !== "sent") return verdict;
      const receipt = { message_id: id, subject: content.subject, digest: task.id };
      return sent(receipt, task.uncertain);
    }, timings),
    sendNotice: guarded(async (notice, signal): Promise<Verdict> => {
      const parent = parentOf(notice.receipt);
      const content = inThread(renderMailNotice(notice), parent);
      const id = messageIdOf(`notice ${notice.key} ${randomUUID()}`, domain);
      const verdict = await post(envelope, { content, id, parent }, signal);
      if (verdict.kind !== "sent") return verdict;
      return sent({ message_id: id, subject: content.subject }, false);
    }, timings),
    close: async () => mailer.close(),
  };
}

interface Envelope {
  readonly mailer: Mailer;
  readonly from: string;
  readonly to: readonly string[];
  readonly domain: string;
}

async function sendIncident(
  task: DeliveryTask,
  envelope: Envelope,
  signal: AbortSignal,
): Promise<Verdict> {
  const { action, receipt, uncertain, incident, seq } = task;
  if (action === "edit") return SENT_NOTHING;
  if (action === "resolve" && receipt === null) return SENT_NOTHING; // Nobody was told.
  const parent = parentOf(receipt);
  const rendered = renderMail(task, { maybeRepeat: uncertain });
  const content = inThread(rendered, parent);
  // The opening time keeps apart incidents of databases that both began to count at 1.
  const name = JSON.stringify([incident.id, incident.openedAt, action, seq]);
  const id = messageIdOf(name, envelope.domain);
  const verdict = await post(envelope, { content, id, parent }, signal);
  if (verdict.kind !== "sent") return verdict;
  return sent({ message_id: id, subject: content.subject }, uncertain);
}

interface Parent {
  readonly messageId: string;
  readonly subject: string;
}

/** The mail that a later one answers: the incident's first, or the digest that told of it. */
function parentOf(receipt: DeliveryTask["receipt"]): Parent | null {
  const messageId = receipt?.["message_id"];
  const subject = receipt?.["subject"];
  return messageId && subject ? { messageId, subject } : null;
}

function inThread(content: MailContent, parent: Parent | null): MailContent {
  if (parent === null) return content;
  const subject = parent.subject.startsWith("Re: ") ? parent.subject : `Re: ${parent.subject}`;
  return { ...content, subject };
}

interface Mail {
  readonly content: MailContent;
  readonly id: string;
  readonly parent: Parent | null;
}

function post(
  { mailer, from, to }: Envelope,
  { content, id, parent }: Mail,
  signal: AbortSignal,
): Promise<Verdict> {
  const thread =
    parent === null ? {} : { inReplyTo: parent.messageId, references: [parent.messageId] };
  const message = { from, to: [...to], ...content, messageId: id, ...thread };
  return mailer.send(message, signal);
}

function sent(receipt: Readonly<Record<string, string>>, maybeRepeat: boolean): Verdict {
  return { kind: "sent", receipt, ...(maybeRepeat ? { maybeRepeat } : {}) };
}

async function serverFinding(mailer: Mailer, signal: AbortSignal): Promise<Finding> {
  const verdict = await mailer.look(signal);
  if (verdict.kind === "sent") {
    return { what: "server", state: "ok", detail: "lets us in; no mail was sent", fix: null };
  }
  return findingOf("server", verdict, emailFix);
}

/** What to do about the answers that newcomers meet. */
function emailFix(reason: string): string | null {
  if (/EAUTH|smtp_53[05]/u.test(reason)) {
    return "the server refuses the name or the password of SMTP_URL: many want a password made for apps";
  }
  if (/ETLS|EREQUIRETLS|CERT|SELF_SIGNED/u.test(reason)) {
    return "no safe connection to the server: use smtps://…:465, or a server with a valid certificate";
  }
  if (/smtp_55[0-4]/u.test(reason)) {
    return "the server refuses EMAIL_FROM or EMAIL_TO: the sender must be one that it may speak for";
  }
  if (/ENOTFOUND|EDNS|ECONNREFUSED/u.test(reason)) {
    return "the server of SMTP_URL is not there: check its host and port";
  }
  return null;
}
