import type { Composio } from "@composio/core";
import type { Timings } from "../channel.ts";
import { type ComposioFailure, composioFailure } from "./verdict.ts";

/** Where a session's id outlives the process. Failures of it cost a new session, nothing else. */
export interface SessionStore {
  load(): Promise<string | null>;
  save(sessionId: string): Promise<void>;
  /** The connected account to use, by toolkit, where `tracer connect` made one. Default: what Composio chooses. */
  accounts?(): Promise<Readonly<Record<string, string>>>;
}

export interface ComposioSessionOptions {
  readonly apiKey: string;
  readonly baseUrl: string;
  readonly userId: string;
  readonly toolkits: readonly string[];
  readonly sessionStore?: SessionStore;
  readonly timings: Pick<Timings, "requestMs">;
}

export type ComposioClient = ReturnType<Composio["getClient"]>;

/** The client's calls for tools in a session. */
type SessionCalls = ComposioClient["toolRouter"]["session"];

export type Called<T> =
  | { readonly kind: "done"; readonly value: T }
  | ({ readonly kind: "failed" } & ComposioFailure);

export interface CallOnce {
  readonly signal: AbortSignal;
  readonly maxRetries: 0;
  readonly timeout: number;
}

/** One call of a session: what is to be done with the client, the session's id and the options of a request. */
type SessionCall<T> = (calls: SessionCalls, sessionId: string, once: CallOnce) => Promise<T>;

export interface ComposioSession {
  /** Runs a call in the session, made at the first use and again, once, when it is gone. Never throws. */
  call<T>(run: SessionCall<T>, signal: AbortSignal, timeoutMs: number): Promise<Called<T>>;
  /** Runs a call that needs no session. Never throws. */
  ask<T>(
    run: (client: ComposioClient, once: CallOnce) => Promise<T>,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<Called<T>>;
}

/**
 * A Tool Router session. The SDK is loaded at the first call: it costs about 45 MB. It is built with its
 * telemetry and its version check off; its retries are off in every call, because a retry after a 500 would
 * be a second message that nobody hears of.
 */
export function composioSession(options: ComposioSessionOptions): ComposioSession {
  let loading: Promise<Composio> | null = null;
  let opening: Promise<string> | null = null;
  const load = () => {
    loading ??= loadComposio(options);
    return loading;
  };
  /** Several sends that begin at once share one session. A failure is forgotten: the next one tries again. */
  const opened = (open: () => Promise<string>): Promise<string> => {
    opening ??= open().catch((error: unknown) => {
      opening = null;
      throw error;
    });
    return opening;
  };
  return {
    async call(run, signal, timeoutMs) {
      if (signal.aborted) return notSent("aborted");
      let composio: Composio;
      let sessionId: string;
      try {
        composio = await load();
        sessionId = await opened(() => firstSession(composio, options));
      } catch (error) {
        return beforeSending(composioFailure(error));
      }
      // Twice off: here for whatever is called, and in the options of each call.
      const client = composio.getClient().withOptions({ maxRetries: 0, timeout: timeoutMs });
      const calls = client.toolRouter.session;
      const once = { signal, maxRetries: 0, timeout: timeoutMs } as const;
      try {
        return { kind: "done", value: await run(calls, sessionId, once) };
      } catch (error) {
        const failed = composioFailure(error);
        // The connection may be made anew meanwhile, under another account: look at the books again then.
        if (failed.verdict.kind === "reconnect") opening = null;
        if (!failed.sessionGone) return { kind: "failed", ...failed };
      }
      const gone = sessionId;
      try {
        if ((await opening?.catch(() => null)) === gone) opening = null;
        sessionId = await opened(() => createSession(composio, options));
      } catch (error) {
        return beforeSending(composioFailure(error));
      }
      try {
        return { kind: "done", value: await run(calls, sessionId, once) };
      } catch (error) {
        return { kind: "failed", ...composioFailure(error) };
      }
    },
    async ask(run, signal, timeoutMs) {
      if (signal.aborted) return notSent("aborted");
      try {
        const composio = await load();
        const client = composio.getClient().withOptions({ maxRetries: 0, timeout: timeoutMs });
        const once = { signal, maxRetries: 0, timeout: timeoutMs } as const;
        return { kind: "done", value: await run(client, once) };
      } catch (error) {
        return { kind: "failed", ...composioFailure(error) };
      }
    },
  };
}

/** The one that was kept, if it still exists; else a new one. */
async function firstSession(composio: Composio, options: ComposioSessionOptions): Promise<string> {
  const kept = (await options.sessionStore?.load().catch(() => null)) ?? null;
  if (kept === null) return createSession(composio, options);
  try {
    const session = await composio.use(kept, undefined, onceOf(options));
    return session.sessionId;
  } catch (error) {
    if (!composioFailure(error).sessionGone) throw error;
    return createSession(composio, options);
  }
}

/** Creating posts nothing, so whatever happens here the alert was surely not sent. */
async function createSession(composio: Composio, options: ComposioSessionOptions): Promise<string> {
  const { userId, toolkits, sessionStore } = options;
  const config = {
    toolkits: [...toolkits],
    manageConnections: false,
    sandbox: { enable: false },
  };
  const accounts: Readonly<Record<string, string>> =
    (await sessionStore?.accounts?.().catch(() => null)) ?? {};
  const pinned = Object.entries(accounts).filter(([toolkit]) => toolkits.includes(toolkit));
  const connectedAccounts = Object.fromEntries(pinned.map(([toolkit, id]) => [toolkit, [id]]));
  const withAccounts = pinned.length === 0 ? config : { ...config, connectedAccounts };
  const session = await composio
    .create(userId, withAccounts, onceOf(options))
    .catch((error: unknown) => {
      // An account that is gone fails the session for every toolkit: better any account than none.
      if (pinned.length === 0 || !composioFailure(error).accountGone) throw error;
      return composio.create(userId, config, onceOf(options));
    });
  await sessionStore?.save(session.sessionId).catch(() => undefined); // It works without.
  return session.sessionId;
}

/** A deadline of its own: the session is shared, and must not end with the send that asked for it first. */
function onceOf({ timings }: ComposioSessionOptions): CallOnce {
  const { requestMs } = timings;
  return { signal: AbortSignal.timeout(requestMs), maxRetries: 0, timeout: requestMs };
}

function notSent(reason: string): Called<never> {
  const verdict = { kind: "retry", reason, afterMs: null } as const;
  return { kind: "failed", error: null, sessionGone: false, accountGone: false, verdict };
}

/** An end that could not be known is known here: no message was asked for yet. */
function beforeSending(failed: ComposioFailure): Called<never> {
  if (failed.verdict.kind !== "ambiguous") return { kind: "failed", ...failed };
  return notSent(failed.verdict.reason);
}

async function loadComposio(keys: Pick<ComposioSessionOptions, "apiKey" | "baseUrl">) {
  const { Composio } = await import("@composio/core");
  return new Composio({
    apiKey: keys.apiKey,
    baseURL: keys.baseUrl,
    allowTracking: false,
    disableVersionCheck: true,
  });
}
