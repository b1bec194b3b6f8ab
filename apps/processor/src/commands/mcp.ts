import { once } from "node:events";
import { PassThrough, Readable } from "node:stream";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { readConfig } from "../config.ts";
import { Exit } from "../exit.ts";
import { Calls } from "../tools/calls.ts";
import { DATA_WARNING, type TracerTool, tracerTools } from "../tools/tools.ts";
import type { CommandContext } from "./context.ts";

export interface McpArgs {
  readonly allowWrites?: boolean;
  readonly files?: string;
}

/**
 * Serves the running Tracer's tools over MCP on stdin and stdout, until stdin ends. It only reads, unless
 * writes are allowed: nobody but who starts it decides that.
 */
export async function mcp(context: CommandContext, args: McpArgs): Promise<Exit> {
  const { environment, version, stdin, stdout, stop } = context;
  readConfig(environment); // What is wrong with it is said now, and not with every answer.
  const { allowWrites = false, files = "." } = args;
  const server = new McpServer(
    { name: "tracer", version },
    {
      instructions: `Tracer watches logs and tells of incidents. Ask it what is wrong, and why something was not told. ${DATA_WARNING}`,
    },
  );
  const calls = new Calls();
  for (const tool of tracerTools({ context, filesFolder: files, allowWrites })) {
    register(server, tool, calls);
  }
  const input = Readable.from(stdin);
  const output = new PassThrough();
  output.pipe(stdout, { end: false });
  const ended = once(input, "end", { signal: stop }).catch(() => {}); // Rejects when it stops.
  await server.connect(new StdioServerTransport(input, output));
  await ended;
  await calls.settled();
  await server.close();
  return Exit.ok;
}

function register(server: McpServer, tool: TracerTool, calls: Calls): void {
  const { name, title, description, input, isWrite } = tool;
  const annotations = { readOnlyHint: !isWrite, destructiveHint: false, openWorldHint: false };
  server.registerTool(
    name,
    { title, description, inputSchema: input.shape, annotations },
    async (given: unknown): Promise<CallToolResult> => {
      const { text, isError } = await calls.run(() => tool.run(given));
      return { content: [{ type: "text", text }], isError };
    },
  );
}
