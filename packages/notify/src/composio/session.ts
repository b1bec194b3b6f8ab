import type { Composio } from "@composio/core";
import type { Timings } from "../channel.ts";
import { type ComposioFailure, composioFailure } from "./verdict.ts";

/** Where a session's id outlives the process. Failures of it cost a new session, nothing else. */
export interface SessionStore {
  load(): Promise<string | null>;
  save(sessionId: string): Promise<void>;
}

export interface ComposioSessionOptions {
  readonly apiKey: string;
  readonly baseUrl: string;
  readonly userId: string;
  readonly toolkits: readonly string[];
  readonly sessionStore?: SessionStore;
  readonly timings: Timings;
}

type Client = ReturnType<Composio["getClient"]>;

/** The client's calls for tools in a session. */
type SessionCalls = Client["toolRouter"]["session"];

type Called<T> =
  | { readonly kind: "done"; readonly value: T }
  | ({ readonly kind: "failed" } & ComposioFailure);

/** One call of a session: what is to be done with the client, the session's id and the options of a request. */
type SessionCall<T> = (
  calls: SessionCalls,
  sessionId: string,
  once: { signal: AbortSignal; maxRetries: 0; timeout: number },
) => Promise<T>;

export interface ComposioSession {
  /** Runs a call in the session, made at the first use and again, once, when it is gone. Never throws. */
  call<T>(run: SessionCall<T>, signal: AbortSignal, timeoutMs: number): Promise<Called<T>>;
}

/**
 * A Tool Router session. The SDK is loaded at the first call: it costs about 45 MB. It is built with its
 * telemetry and its version check off; its retries are off in every call, because a retry after a 500 would
 * be a second message that nobody hears of.
 */
export function composioSession(options: ComposioSessionOptions): ComposioSession {
  const { apiKey, baseUrl, userId, toolkits, sessionStore, timings } = options;
  let loading: Promise<Composio> | null = null;
  let sessionId: string | null = null;
  const load = () => {
    loading ??= loadComposio({ apiKey, baseUrl });
    return loading;
  };
  const create = async (composio: Composio, signal: AbortSignal) => {
    // Creating posts nothing, so whatever happens here the alert was surely not sent.
    const once = { signal, maxRetries: 0, timeout: timings.requestMs };
    const config = {
      toolkits: [...toolkits],
      manageConnections: false,
      sandbox: { enable: false },
    };
    const session = await composio.create(userId, config, once);
    await sessionStore?.save(session.sessionId).catch(() => undefined); // It works without.
    return session.sessionId;
  };
  return {
    async call(run, signal, timeoutMs) {
      if (signal.aborted) return notSent("aborted");
      let composio: Composio;
      try {
        composio = await load();
        sessionId ??= (await sessionStore?.load().catch(() => null)) ?? null;
        sessionId ??= await create(composio, signal);
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
        if (!failed.sessionGone) return { kind: "failed", ...failed };
      }
      try {
        sessionId = await create(composio, signal);
      } catch (error) {
        sessionId = null;
        return beforeSending(composioFailure(error));
      }
      try {
        return { kind: "done", value: await run(calls, sessionId, once) };
      } catch (error) {
        return { kind: "failed", ...composioFailure(error) };
      }
    },
  };
}

function notSent(reason: string): Called<never> {
  const verdict = { kind: "retry", reason, afterMs: null } as const;
  return { kind: "failed", error: null, sessionGone: false, verdict };
}

/** An end that could not be known is known here: no message was asked for yet. */
function beforeSending(failed: ComposioFailure): Called<never> {
  if (failed.verdict.kind !== "ambiguous") return { kind: "failed", ...failed };
  return notSent(failed.verdict.reason);
}

async function loadComposio(keys: { apiKey: string; baseUrl: string }): Promise<Composio> {
  const { Composio } = await import("@composio/core");
  return new Composio({
    apiKey: keys.apiKey,
    baseURL: keys.baseUrl,
    allowTracking: false,
    disableVersionCheck: true,
  });
}
