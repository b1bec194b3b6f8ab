import { createMCPClient } from "@ai-sdk/mcp";
import { clip } from "@tracer/core";
import type { McpSession } from "@tracer/notify";
import { dynamicTool, type ToolSet } from "ai";
import { RESULT_CHARS_MAX } from "./captured.ts";

/** Those that connect accounts or run code. The session has them off; a model is not even told of them. */
const NEVER = /^COMPOSIO_(?:MANAGE|WAIT_FOR)_CONNECTIONS$|^COMPOSIO_REMOTE_/u;
const TOOLS_MAX = 64;
const CONNECT_MS_MAX = 10_000;
const CALL_MS_MAX = 30_000;

export interface ComposioTools extends AsyncDisposable {
  readonly tools: ToolSet;
}

/** The tools of a session, for a model. A client of its own: an idle one is thrown out after some minutes. */
export async function openComposioTools(
  { url, headers }: McpSession,
  signal: AbortSignal,
): Promise<ComposioTools> {
  const client = await createMCPClient({
    transport: { type: "http", url, headers: { ...headers }, redirect: "error" },
    initializationOptions: { timeout: CONNECT_MS_MAX, signal },
    onUncaughtError: () => {}, // What matters rejects the call that it happened to.
  });
  try {
    const listed = await client.listTools({ options: { timeout: CONNECT_MS_MAX, signal } });
    const offered = listed.tools.filter(({ name }) => !NEVER.test(name)).slice(0, TOOLS_MAX);
    const tools: ToolSet = {};
    const defined = client.toolsFromDefinitions({ ...listed, tools: offered });
    for (const [name, { inputSchema }] of Object.entries(defined)) {
      const description = offered.find((tool) => tool.name === name)?.description ?? name;
      tools[name] = dynamicTool({
        ...{ description, inputSchema },
        execute: async (input) => {
          const options = { timeout: CALL_MS_MAX, signal };
          return textOf(await client.callTool({ name, arguments: argumentsOf(input), options }));
        },
      });
    }
    return { tools, [Symbol.asyncDispose]: () => client.close() };
  } catch (error) {
    await client.close();
    throw error;
  }
}

function argumentsOf(input: unknown): Record<string, unknown> {
  return typeof input === "object" && input !== null ? { ...input } : {};
}

/** A tool that failed says so in its text: that is for the model to read, not for us to throw. */
function textOf(result: unknown): string {
  const parts = field(result, "content");
  const texts = (Array.isArray(parts) ? parts : []).map((part: unknown) => field(part, "text"));
  const text = texts.filter((each) => typeof each === "string").join("\n");
  const failed = field(result, "isError") === true ? "The tool failed: " : "";
  return clip(`${failed}${text}`, RESULT_CHARS_MAX);
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}
