import { connectionRoutes } from "./composio-connections.ts";
import { composioError } from "./composio-errors.ts";
import { mcpAnswer } from "./composio-mcp.ts";
import { COMPOSIO_TOOLS, runTool } from "./composio-tools.ts";
import {
  type Answer,
  field,
  type Receiver,
  type RecordedRequest,
  startReceiver,
  textField,
} from "./receiver.ts";
import type { SlackWorkspace } from "./slack-workspace.ts";

/** One execution of a tool that reached it. */
export interface ComposioExecution {
  readonly slug: string;
  readonly arguments: unknown;
  readonly sessionId: string;
  readonly error: string | null;
}

/** One call through the proxy that reached the provider. */
export interface ComposioProxyCall {
  readonly endpoint: string;
  readonly body: unknown;
  readonly sessionId: string;
}

export interface FakeComposioOptions {
  /** The workspace that its Slack tools act on: a fake Slack, or a workspace without HTTP. */
  readonly slack: SlackWorkspace;
  /** Default `ak_test`. */
  readonly apiKey?: string;
  /** Toolkits with an active connection. Default `["slackbot"]`. */
  readonly connected?: readonly string[];
  readonly port?: number;
}

/**
 * Composio's Tool Router on loopback. Routes: `session.create`, `session.get`, `session.delete`, `execute`,
 * `proxy_execute`, `toolkits`, `link`, `connected_accounts`, `tools.get`, `tools.execute`, `mcp`.
 */
export interface FakeComposio extends Receiver {
  readonly apiKey: string;
  readonly executions: readonly ComposioExecution[];
  readonly proxied: readonly ComposioProxyCall[];
  /** Ids of all sessions ever made, oldest first. */
  readonly sessions: readonly string[];
  /** The toolkit's connection dies: executions answer 4302. */
  disconnect(toolkit: string): void;
  connect(toolkit: string): void;
  /** All sessions are gone: everything in them is a 404. */
  forgetSessions(): void;
}

export interface ComposioState {
  readonly slack: SlackWorkspace;
  readonly connected: Set<string>;
  readonly sessionsMade: string[];
  /** Session id → toolkits it may use. */
  readonly sessions: Map<string, readonly string[]>;
  /** Sessions with tools that read only. */
  readonly readingOnly: Set<string>;
  readonly executions: ComposioExecution[];
  readonly proxied: ComposioProxyCall[];
}

export async function startFakeComposio(options: FakeComposioOptions): Promise<FakeComposio> {
  const { slack, apiKey = "ak_test", connected = ["slackbot"] } = options;
  const state: ComposioState = {
    slack,
    connected: new Set(connected),
    sessionsMade: [],
    sessions: new Map(),
    readingOnly: new Set(),
    executions: [],
    proxied: [],
  };
  const connections = connectionRoutes(state);
  const receiver = await startReceiver({
    ...(options.port === undefined ? {} : { port: options.port }),
    routeOf,
    handle(request) {
      if (request.route === "page") return connections.page(request);
      if (request.headers["x-api-key"] !== apiKey) return composioError("unauthorized");
      return answerOf(request, state, connections);
    },
  });
  return {
    ...receiver,
    apiKey,
    executions: state.executions,
    proxied: state.proxied,
    sessions: state.sessionsMade,
    disconnect: (toolkit) => void state.connected.delete(toolkit),
    connect: (toolkit) => void state.connected.add(toolkit),
    forgetSessions: () => state.sessions.clear(),
  };
}

const SESSION = /^\/api\/v3\.1\/tool_router\/session(?:\/(?<id>[^/]+)(?:\/(?<rest>[^/]+))?)?$/u;

function routeOf({ method, path }: { readonly method: string; readonly path: string }): string {
  const session = SESSION.exec(path);
  if (session !== null) {
    if (session.groups?.["id"] === undefined) return "session.create";
    const rest = session.groups["rest"];
    return rest ?? (method === "DELETE" ? "session.delete" : "session.get");
  }
  if (path.startsWith("/api/v3.1/connected_accounts")) return "connected_accounts";
  if (path.startsWith("/api/v3.1/tools/execute/")) return "tools.execute";
  if (path.startsWith("/api/v3.1/tools/")) return "tools.get";
  if (/^\/tool_router\/[^/]+\/mcp$/u.test(path)) return "mcp";
  return path.startsWith("/link/") ? "page" : path;
}

type Connections = ReturnType<typeof connectionRoutes>;

function answerOf(
  request: RecordedRequest,
  state: ComposioState,
  connections: Connections,
): Answer {
  const { route, path, body } = request;
  if (route === "mcp") return mcpAnswer(request, state);
  if (route === "session.create") return createSession(request, state);
  const sessionId = SESSION.exec(path)?.groups?.["id"];
  if (sessionId !== undefined) return sessionAnswer({ request, sessionId, state, connections });
  const slug = decodeURIComponent(path.slice(path.lastIndexOf("/") + 1));
  if (route === "connected_accounts") return connections.accounts(request);
  if (route === "tools.get") return toolAnswer(slug);
  if (route === "tools.execute") {
    const ran = runTool(slug, field(body, "arguments"), state.slack);
    if (ran === null) return composioError("tool_not_found", 404);
    state.executions.push({ slug, arguments: field(body, "arguments"), sessionId: "", ...ran });
    const answer = { ...ran, successful: ran.error === null, log_id: logId(state) };
    return { status: 200, body: answer };
  }
  return composioError("not_found");
}

function createSession(request: RecordedRequest, state: ComposioState): Answer {
  const { body } = request;
  const enabled = field(field(body, "toolkits"), "enable");
  const toolkits = Array.isArray(enabled) ? enabled.map(String) : [];
  const pinned = field(body, "connected_accounts");
  if (pinned !== undefined) return composioError("invalid_connected_account");
  state.sessionsMade.push(`trs_${String(state.sessionsMade.length + 1).padStart(4, "0")}`);
  const id = state.sessionsMade.at(-1) ?? "";
  state.sessions.set(id, toolkits);
  if (JSON.stringify(field(body, "tags") ?? []).includes("readOnlyHint")) state.readingOnly.add(id);
  return { status: 201, body: sessionBody(request, id, toolkits) };
}

function sessionBody(request: RecordedRequest, id: string, toolkits: readonly string[]): unknown {
  const userId = textField(request.body, "user_id");
  return {
    session_id: id,
    config_version: 1,
    mcp: { type: "http", url: `http://${request.headers["host"]}/tool_router/${id}/mcp` },
    tool_router_tools: ["COMPOSIO_SEARCH_TOOLS", "COMPOSIO_GET_TOOL_SCHEMAS"],
    config: {
      user_id: userId,
      toolkits: { enabled: toolkits },
      preload: { tools: [] },
      execute: {},
      search: {},
      manage_connections: { enabled: false },
      workbench: { enable: false },
    },
    experimental: { assistive_prompt: "" },
    warnings: [],
  };
}

interface SessionRequest {
  readonly request: RecordedRequest;
  readonly sessionId: string;
  readonly state: ComposioState;
  readonly connections: Connections;
}

function sessionAnswer({ request, sessionId, state, connections }: SessionRequest): Answer {
  const toolkits = state.sessions.get(sessionId);
  if (toolkits === undefined) return composioError("not_found");
  switch (request.route) {
    case "session.get":
      return { status: 200, body: sessionBody(request, sessionId, toolkits) };
    case "session.delete":
      state.sessions.delete(sessionId);
      return { status: 200, body: { session_id: sessionId, deleted: true } };
    case "execute":
      return execute(request.body, { sessionId, toolkits, state });
    case "proxy_execute":
      return proxyExecute(request.body, { sessionId, toolkits, state });
    case "toolkits":
      return connections.toolkits(toolkits);
    case "link":
      return connections.link(request);
    default:
      return composioError("not_found");
  }
}

interface InSession {
  readonly sessionId: string;
  readonly toolkits: readonly string[];
  readonly state: ComposioState;
}

function execute(body: unknown, { sessionId, toolkits, state }: InSession): Answer {
  const slug = textField(body, "tool_slug");
  const tool = COMPOSIO_TOOLS[slug];
  if (tool === undefined) return composioError("tool_not_found");
  if (!toolkits.includes(tool.toolkit)) return composioError("toolkit_not_allowed");
  if (!state.connected.has(tool.toolkit)) return composioError("no_active_connection");
  const args = field(body, "arguments");
  const ran = runTool(slug, args, state.slack) ?? { data: {}, error: "unknown tool" };
  state.executions.push({ slug, arguments: args, sessionId, error: ran.error });
  return { status: 200, body: { ...ran, log_id: logId(state) } };
}

function proxyExecute(body: unknown, { sessionId, toolkits, state }: InSession): Answer {
  const toolkit = textField(body, "toolkit_slug");
  if (!toolkits.includes(toolkit)) return composioError("toolkit_not_allowed");
  if (!state.connected.has(toolkit)) return composioError("no_active_connection");
  const endpoint = textField(body, "endpoint");
  const parameters = field(body, "parameters");
  const query = (Array.isArray(parameters) ? parameters : []).map((one: unknown) => [
    textField(one, "name"),
    textField(one, "value"),
  ]);
  const given = field(body, "body");
  state.proxied.push({ endpoint, body: given, sessionId });
  const method = endpoint.replace(/^(?:https:\/\/slack\.com)?\/?(?:api\/)?/u, "");
  const fields = typeof given === "object" && given !== null ? given : {};
  const data = state.slack.call(method, { ...Object.fromEntries(query), ...fields });
  return { status: 200, body: { status: 200, data, headers: {} } };
}

function toolAnswer(slug: string): Answer {
  const tool = COMPOSIO_TOOLS[slug];
  if (tool === undefined) return composioError("tool_not_found", 404);
  const body = {
    slug,
    name: slug,
    toolkit: { slug: tool.toolkit, name: tool.toolkit },
    version: "20261101_00",
    input_parameters: { type: "object", required: tool.required, properties: {} },
  };
  return { status: 200, body };
}

function logId(state: ComposioState): string {
  return `log_${state.executions.length}`;
}
