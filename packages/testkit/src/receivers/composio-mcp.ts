import type { ComposioState } from "./composio.ts";
import { COMPOSIO_TOOLS, runTool } from "./composio-tools.ts";
import { type Answer, field, type RecordedRequest, textField } from "./receiver.ts";

/** Tools that change nothing, as Composio marks them. */
const READING = /FETCH|LIST|GET|SEARCH/u;

const META_TOOLS = [
  {
    name: "COMPOSIO_SEARCH_TOOLS",
    description: "Finds tools by what they are for.",
    inputSchema: schema({ query: { type: "string" } }),
  },
  {
    name: "COMPOSIO_GET_TOOL_SCHEMAS",
    description: "The arguments of tools.",
    inputSchema: schema({ tool_slugs: { type: "array", items: { type: "string" } } }),
  },
  {
    name: "COMPOSIO_MULTI_EXECUTE_TOOL",
    description: "Runs tools.",
    inputSchema: schema({ tools: { type: "array", items: { type: "object" } } }),
  },
  {
    name: "COMPOSIO_REMOTE_BASH_TOOL",
    description: "Runs a command.",
    inputSchema: schema({ command: { type: "string" } }),
  },
];

/**
 * The MCP server of a session: plain JSON, of the era before `server/discover`, which it does not know. A
 * session that was made for reading only refuses the tools that write.
 */
export function mcpAnswer(request: RecordedRequest, state: ComposioState): Answer {
  if (request.method === "DELETE") return { status: 200, body: "" };
  if (request.method !== "POST") return { status: 405, body: "" };
  const sessionId = request.path.split("/")[2] ?? "";
  const toolkits = state.sessions.get(sessionId);
  if (toolkits === undefined) return { status: 404, body: "" };
  const { body } = request;
  const id = field(body, "id");
  if (id === undefined) return { status: 202, body: "" };
  const answer = (result: unknown): Answer => ({
    status: 200,
    body: { jsonrpc: "2.0", id, result },
  });
  switch (textField(body, "method")) {
    case "initialize":
      return answer({
        protocolVersion: "2025-11-25",
        capabilities: { tools: {} },
        serverInfo: { name: "composio", version: "1.0.0" },
      });
    case "tools/list":
      return answer({ tools: META_TOOLS });
    case "tools/call":
      return answer(called(field(body, "params"), { sessionId, toolkits, state }));
    default: {
      const error = { code: -32_601, message: "Method not found" };
      return { status: 200, body: { jsonrpc: "2.0", id, error } };
    }
  }
}

interface InSession {
  readonly sessionId: string;
  readonly toolkits: readonly string[];
  readonly state: ComposioState;
}

/** A tool that fails is an answer with `isError`, not an error of the protocol. */
function called(params: unknown, session: InSession): unknown {
  const args = field(params, "arguments");
  switch (textField(params, "name")) {
    case "COMPOSIO_SEARCH_TOOLS":
    case "COMPOSIO_GET_TOOL_SCHEMAS": {
      const known = Object.entries(COMPOSIO_TOOLS).filter(
        ([slug, { toolkit }]) => session.toolkits.includes(toolkit) && isAllowed(slug, session),
      );
      const tools = known.map(([slug, { required }]) => ({ slug, required }));
      return content({ data: { tools }, error: null, successful: true, log_id: "log_0" });
    }
    case "COMPOSIO_MULTI_EXECUTE_TOOL":
      return content(executed(field(args, "tools"), session));
    default:
      return content({ data: {}, error: "Tool not found", successful: false, log_id: "log_0" });
  }
}

function executed(tools: unknown, session: InSession) {
  const results = (Array.isArray(tools) ? tools : []).map((tool: unknown, index) => {
    const slug = textField(tool, "tool_slug");
    const ran = ranTool(slug, field(tool, "arguments"), session);
    const response = { successful: ran.error === null, data: ran.data };
    return {
      index,
      tool_slug: slug,
      response,
      ...(ran.error === null ? {} : { error: ran.error }),
    };
  });
  const failed = results.filter((result) => !result.response.successful).length;
  const error = failed === 0 ? null : `${failed} out of ${results.length} tools failed`;
  const data = { results, success_count: results.length - failed, error_count: failed };
  return {
    data,
    error,
    successful: failed === 0,
    log_id: `log_${session.state.executions.length}`,
  };
}

function ranTool(slug: string, args: unknown, session: InSession) {
  const { state, sessionId, toolkits } = session;
  const tool = COMPOSIO_TOOLS[slug];
  if (tool === undefined || !toolkits.includes(tool.toolkit) || !isAllowed(slug, session)) {
    return { data: {}, error: "Tool not found in this session" };
  }
  if (!state.connected.has(tool.toolkit)) return { data: {}, error: "No active connection found" };
  const ran = runTool(slug, args, state.slack) ?? { data: {}, error: "unknown tool" };
  state.executions.push({ slug, arguments: args, sessionId, error: ran.error });
  return ran;
}

function isAllowed(slug: string, { state, sessionId }: InSession): boolean {
  return !state.readingOnly.has(sessionId) || READING.test(slug);
}

function content(value: unknown): unknown {
  const isError = field(value, "successful") !== true;
  return { content: [{ type: "text", text: JSON.stringify(value) }], isError };
}

function schema(properties: Readonly<Record<string, unknown>>): unknown {
  return { type: "object", properties, required: Object.keys(properties) };
}
