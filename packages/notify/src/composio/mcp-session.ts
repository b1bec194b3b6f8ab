import { composioFailure } from "./verdict.ts";

export interface McpSessionOptions {
  readonly apiKey: string;
  readonly baseUrl: string;
  /** Whose connections are used. */
  readonly userId: string;
  readonly toolkits: readonly string[];
  /** False: only tools that Composio marks as reading. */
  readonly allowWrites: boolean;
}

/** Where the tools of a session are offered over MCP. The headers hold the key. */
export interface McpSession {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Ends the session. Never rejects: it would end by itself some day. */
  readonly end: () => Promise<void>;
}

export type McpSessionResult =
  | { readonly kind: "open"; readonly session: McpSession }
  /** The reason holds no key. */
  | { readonly kind: "failed"; readonly reason: string };

const REQUEST_MS_MAX = 10_000;

/**
 * Makes a Tool Router session for a model: it cannot connect accounts or run code, and unless writes are allowed
 * it has no tool that changes anything. One request, no second try. One whose tools lie elsewhere than at Composio is
 * not used: the key would go there.
 */
export async function openMcpSession(
  options: McpSessionOptions,
  signal: AbortSignal,
): Promise<McpSessionResult> {
  const { apiKey, baseUrl, userId, toolkits, allowWrites } = options;
  const { Composio } = await import("@composio/core");
  const composio = new Composio({
    ...{ apiKey, baseURL: baseUrl },
    ...{ allowTracking: false, disableVersionCheck: true },
  });
  const once = { signal, maxRetries: 0, timeout: REQUEST_MS_MAX };
  const readOnly: "readOnlyHint"[] = allowWrites ? [] : ["readOnlyHint"];
  const config = {
    toolkits: [...toolkits],
    manageConnections: false,
    sandbox: { enable: false },
    mcp: true as const,
    ...(readOnly.length === 0 ? {} : { tags: readOnly }),
  };
  try {
    const session = await composio.create(userId, config, once);
    const { url } = session.mcp;
    const end = async () => {
      await session.delete().catch(() => undefined);
    };
    if (isSameHouse(url, baseUrl)) {
      return { kind: "open", session: { url, headers: { "x-api-key": apiKey }, end } };
    }
    await end();
    return { kind: "failed", reason: "its tools lie at another host" };
  } catch (error) {
    return { kind: "failed", reason: composioFailure(error).verdict.reason };
  }
}

/** The same host, or two of one domain of Composio's. */
function isSameHouse(url: string, baseUrl: string): boolean {
  const [one, other] = [URL.parse(url), URL.parse(baseUrl)];
  if (one === null || other === null || one.protocol !== other.protocol) return false;
  const isTheirs = (host: string) => host === "composio.dev" || host.endsWith(".composio.dev");
  return one.host === other.host || (isTheirs(one.host) && isTheirs(other.host));
}
