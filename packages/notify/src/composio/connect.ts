import { TracerError } from "@tracer/core";
import { z } from "zod";
import { DEFAULT_TIMINGS, type Finding } from "../channel.ts";
import { reasonText, requireHttpUrl } from "../http.ts";
import { composioFix, connectFix, readFinding } from "./check.ts";
import { composioSession } from "./session.ts";
import type { ComposioFailure } from "./verdict.ts";

export interface ComposioConnectorOptions {
  readonly apiKey: string;
  readonly baseUrl: string;
  /** Whose accounts. */
  readonly userId: string;
}

/** A link that a person opens to grant access. */
export interface ConnectLink {
  /** https, or http on loopback. */
  readonly url: string;
  /** Of the account that the grant will belong to. It exists already, half made. */
  readonly accountId: string;
}

export interface ConnectedAccount {
  readonly id: string;
  readonly toolkit: string;
  /** INITIALIZING, INITIATED, ACTIVE, FAILED, EXPIRED, INACTIVE or REVOKED. */
  readonly status: string;
  /** In the provider's words; null when it gives none. */
  readonly reason: string | null;
  readonly createdAt: string;
}

/** Accounts that a list returns. */
const LISTED_MAX = 100;
const LINK_MS = 30_000;

/** Composio's connected accounts of one user. Everything throws TracerError CONNECT_FAILED, in a few words. */
export interface ComposioConnector {
  /** Begins to connect a toolkit, as a new account. */
  link(toolkit: string, signal: AbortSignal): Promise<ConnectLink>;
  account(id: string, signal: AbortSignal): Promise<ConnectedAccount>;
  list(signal: AbortSignal): Promise<readonly ConnectedAccount[]>;
  remove(id: string): Promise<void>;
  /** One real read through this account and no other. Never throws. */
  verify(toolkit: string, accountId: string, signal: AbortSignal): Promise<Finding>;
}

const Account = z.looseObject({
  id: z.string(),
  status: z.string(),
  status_reason: z.string().nullish(),
  toolkit: z.looseObject({ slug: z.string() }),
  created_at: z.string().optional(),
});
const Accounts = z.looseObject({ items: z.array(z.unknown()) });

export function composioConnector(options: ComposioConnectorOptions): ComposioConnector {
  const baseUrl = requireHttpUrl("COMPOSIO_BASE_URL", options.baseUrl);
  const { requestMs: timeoutMs } = DEFAULT_TIMINGS;
  const sessionOf = (toolkit: string, accounts: Readonly<Record<string, string>> = {}) =>
    composioSession({
      ...{ ...options, baseUrl, toolkits: [toolkit], timings: { requestMs: timeoutMs } },
      sessionStore: {
        load: async () => null,
        save: async () => undefined,
        accounts: async () => accounts,
      },
    });
  const any = sessionOf("slackbot"); // Its session is never made: it only asks.
  return {
    async link(toolkit, signal) {
      const called = await sessionOf(toolkit).call(
        (calls, id, once) => calls.link(id, { toolkit }, once),
        signal,
        LINK_MS,
      );
      if (called.kind === "failed") throw failedError(called, toolkit);
      const { redirect_url: url, connected_account_id: accountId } = called.value;
      if (!isShowable(url))
        throw new TracerError("CONNECT_FAILED", "Composio gave no usable link.");
      return { url, accountId };
    },
    async account(id, signal) {
      const called = await any.ask(
        (client, once) => client.connectedAccounts.retrieve(id, once),
        signal,
        timeoutMs,
      );
      if (called.kind === "failed") throw failedError(called, "");
      return accountOf(called.value);
    },
    async list(signal) {
      const query = { user_ids: [options.userId], limit: LISTED_MAX };
      const called = await any.ask(
        (client, once) => client.connectedAccounts.list(query, once),
        signal,
        timeoutMs,
      );
      if (called.kind === "failed") throw failedError(called, "");
      const reply = Accounts.safeParse(called.value);
      if (!reply.success) throw unreadable();
      return reply.data.items.map(accountOf);
    },
    async remove(id) {
      const called = await any.ask(
        (client, once) => client.connectedAccounts.delete(id, undefined, once),
        AbortSignal.timeout(timeoutMs),
        timeoutMs,
      );
      // One that is gone is what was wanted.
      if (called.kind === "failed" && !called.sessionGone) throw failedError(called, "");
    },
    verify(toolkit, accountId, signal) {
      const session = sessionOf(toolkit, { [toolkit]: accountId });
      const fixOf = (reason: string) => composioFix(reason, toolkit) ?? connectFix(toolkit);
      return readFinding({ session, timeoutMs, toolkit, fixOf }, signal);
    },
  };
}

function accountOf(value: unknown): ConnectedAccount {
  const parsed = Account.safeParse(value);
  if (!parsed.success) throw unreadable();
  const { id, status, status_reason: reason, toolkit, created_at: createdAt = "" } = parsed.data;
  return {
    id,
    toolkit: reasonText(toolkit.slug),
    status: reasonText(status),
    reason: reason === null || reason === undefined ? null : reasonText(reason),
    createdAt: reasonText(createdAt),
  };
}

function isShowable(text: string): boolean {
  const url = URL.parse(text);
  // What a terminal would act on has no place in a URL.
  if (url === null || /[^\x21-\x7e]/u.test(text)) return false;
  return (
    url.protocol === "https:" ||
    (url.protocol === "http:" && /^(?:127\.|localhost$|\[::1\])/u.test(url.hostname))
  );
}

function failedError({ verdict, sessionGone }: ComposioFailure, toolkit: string): TracerError {
  const fix = composioFix(verdict.reason, toolkit);
  const gone = sessionGone ? "Composio knows nothing of it" : verdict.reason;
  return new TracerError(
    "CONNECT_FAILED",
    `Composio refused: ${gone}${fix === null ? "" : `; ${fix}`}`,
    { details: { isPassing: verdict.kind === "retry" || verdict.kind === "ambiguous" } },
  );
}

function unreadable(): TracerError {
  return new TracerError("CONNECT_FAILED", "Composio's answer is not readable.");
}
