import { crashPoints, type Verdict } from "@tracer/core";
import type { Transporter } from "nodemailer";
import { failureOf, reasonText } from "../http.ts";
import type { SmtpTarget } from "./address.ts";

export interface MailMessage {
  readonly from: string;
  readonly to: string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly messageId: string;
  readonly inReplyTo?: string;
  readonly references?: string[];
}

export interface Mailer {
  /** One attempt on a connection of its own. Its receipt is null. */
  send(message: MailMessage, signal: AbortSignal): Promise<Verdict>;
  /** Connects, logs in and leaves. `sent` says that the server let us in. */
  look(signal: AbortSignal): Promise<Verdict>;
  close(): void;
}

export interface MailerOptions {
  readonly target: SmtpTarget;
  /** Of each step: the connection, the greeting, an answer. */
  readonly timeoutMs: number;
}

/** Hands mail over by SMTP. nodemailer is loaded at the first use, and never reads a file or fetches a URL. */
export function openMailer({ target, timeoutMs }: MailerOptions): Mailer {
  let loading: Promise<Transporter> | null = null;
  const load = () => {
    loading ??= import("nodemailer").then(({ createTransport }) =>
      createTransport({
        host: target.host,
        port: target.port,
        secure: target.secure,
        requireTLS: target.requireTls,
        ...(target.auth === null ? {} : { auth: { ...target.auth } }),
        connectionTimeout: timeoutMs,
        greetingTimeout: timeoutMs,
        socketTimeout: timeoutMs,
        dnsTimeout: timeoutMs,
        disableFileAccess: true,
        disableUrlAccess: true,
      }),
    );
    return loading;
  };
  return {
    async send(message, signal) {
      if (signal.aborted) return { kind: "retry", reason: "aborted", afterMs: null };
      try {
        const transport = await load();
        const sending = transport.sendMail({
          ...message,
          headers: { "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All" },
        });
        crashPoints.pass("send.begun");
        await unlessAborted(sending, signal);
        crashPoints.pass("send.answered");
        return { kind: "sent", receipt: null };
      } catch (error) {
        return smtpVerdict(error);
      }
    },
    async look(signal) {
      try {
        await unlessAborted((await load()).verify(), signal);
        return { kind: "sent", receipt: null };
      } catch (error) {
        return smtpVerdict(error);
      }
    },
    close: () => void loading?.then((transport) => transport.close()),
  };
}

class AbortedError extends Error {
  override readonly name = "AbortedError";
}

/** nodemailer cannot be cut off; its own time-outs end what is left behind. */
function unlessAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new AbortedError("aborted"));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** Steps after which the server may have taken the mail although we never heard so. */
const AFTER_DATA = /^(?:DATA|BDAT|CONN)$/u;
const NOT_YET = new Set([
  "EDNS",
  "EAUTH",
  "ETLS",
  "EREQUIRETLS",
  "EENVELOPE",
  "ENOAUTH",
  "EOAUTH2",
]);

/** What an error of nodemailer means: by the server's answer where there is one, else by how far it had come. */
export function smtpVerdict(error: unknown): Verdict {
  if (error instanceof AbortedError) return { kind: "ambiguous", reason: "aborted" };
  const code = textOf(error, "code");
  const command = textOf(error, "command");
  const status = error instanceof Error && "responseCode" in error ? Number(error.responseCode) : 0;
  if (status >= 400 && status <= 599) {
    const reason = reasonText(`smtp_${status} ${textOf(error, "response")}`);
    // The mail stands in nobody's queue: an answer other than 2xx refuses it.
    if (status < 500) return { kind: "retry", reason, afterMs: null };
    return status === 530 || status === 535 || code === "EAUTH"
      ? { kind: "reconnect", reason }
      : { kind: "permanent", reason };
  }
  const failure = failureOf(error);
  if (failure.kind === "not_sent") {
    // nodemailer puts its own code over that of the system, which stands in the message still.
    const [named = failure.reason] = /\bE[A-Z_]{3,20}\b/u.exec(textOf(error, "message")) ?? [];
    return { kind: "retry", reason: named, afterMs: null };
  }
  const reason = reasonText(failure.reason);
  if (code === "EAUTH") return { kind: "reconnect", reason };
  if (code === "EMESSAGE" || code === "EENVELOPE") return { kind: "permanent", reason };
  if (NOT_YET.has(code)) return { kind: "retry", reason, afterMs: null };
  return AFTER_DATA.test(command) || command === ""
    ? { kind: "ambiguous", reason }
    : { kind: "retry", reason, afterMs: null };
}

function textOf(error: unknown, name: string): string {
  if (!(error instanceof Error)) return "";
  const found: unknown = Object.entries(Object.getOwnPropertyDescriptors(error)).find(
    ([key]) => key === name,
  )?.[1].value;
  return typeof found === "string" ? found : "";
}
