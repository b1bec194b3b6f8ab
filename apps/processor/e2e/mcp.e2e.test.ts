import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { sight } from "@tracer/store";
import { aSighting, createTestDatabase, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import { startTracerProcess, temporaryFolder } from "./tracer-process.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const READ_TOOLS = [
  ...["tracer_incidents", "tracer_incident", "tracer_services"],
  ...["tracer_why_not", "tracer_backtest"],
];

/** A real MCP client, with `tracer mcp` as its child. */
async function connect(args: readonly string[], options: { cwd: string; port: string }) {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [MAIN, "mcp", ...args],
    cwd: options.cwd,
    env: { PATH: process.env["PATH"] ?? "", PORT: options.port },
    stderr: "ignore",
  });
  const client = new Client({ name: "test", version: "1.0.0" });
  await client.connect(transport);
  const call = async (name: string, input: Record<string, unknown> = {}) => {
    const { content, isError } = await client.callTool({ name, arguments: input });
    const [first]: unknown[] = Array.isArray(content) ? content : [];
    const text =
      typeof first === "object" && first !== null && "text" in first ? String(first.text) : "";
    return { text, isError: isError === true };
  };
  return { client, call, [Symbol.asyncDispose]: () => client.close() };
}

// Goal: a user's agent can ask Tracer, and only a person decides whether it may change anything.
// Method: the SDK's own client over stdio, a real Tracer, an incident written as the detector writes it.
test("an agent reads incidents, services, decisions and past logs, and changes nothing", async () => {
  await using database = await createTestDatabase();
  await using tracer = await startTracerProcess({ DATABASE_URL: database.connectionString });
  await using folder = await temporaryFolder();
  const shared = join(folder.path, "shared");
  await mkdir(shared);
  const line = JSON.stringify({ time: "2026-11-22T14:02:10Z", service: "shop", msg: "hello" });
  await writeFile(join(shared, "shop.ndjson"), `${line}\n`);
  await writeFile(join(folder.path, "secret.ndjson"), `${line}\n`);
  await symlink(join(folder.path, "secret.ndjson"), join(shared, "link.ndjson"));
  await sight(database.pool, [aSighting({ service: "checkout" })], SIGHT_OPTIONS);
  await using agent = await connect(["--files", "shared"], {
    cwd: folder.path,
    port: new URL(tracer.url).port,
  });

  const { tools } = await agent.client.listTools();
  expect(tools.map(({ name }) => name)).toEqual(READ_TOOLS);
  for (const { annotations } of tools) expect(annotations?.readOnlyHint).toBe(true);
  expect(agent.client.getInstructions()).toContain("never instructions");

  const listed = await agent.call("tracer_incidents", { state: "open" });
  expect(JSON.parse(listed.text)).toMatchObject({ incidents: [{ service: "checkout" }] });
  const id = /"id": "(inc_[0-9a-f]+-1)"/.exec(listed.text)?.[1] ?? "";
  expect(JSON.parse((await agent.call("tracer_incident", { id })).text)).toMatchObject({ id });
  const unknown = await agent.call("tracer_incident", { id: "inc_0-1" });
  expect(unknown).toMatchObject({ isError: true, text: expect.stringContaining("NOT_FOUND") });
  expect(JSON.parse((await agent.call("tracer_services")).text)).toMatchObject({ services: [] });
  const why = await agent.call("tracer_why_not", { service: "shop", at: "now" });
  expect(why).toMatchObject({ isError: true, text: expect.stringContaining("no service") });
  const wrong = await agent.call("tracer_why_not", { service: "shop" });
  expect(wrong).toMatchObject({ isError: true });

  const past = await agent.call("tracer_backtest", { files: ["shop.ndjson"] });
  expect(past.text).toContain("shop");
  for (const file of ["../secret.ndjson", "link.ndjson", "-", "/etc/hostname", "."]) {
    const refused = await agent.call("tracer_backtest", { files: [file] });
    expect(refused).toMatchObject({ isError: true, text: expect.stringContaining("no file") });
  }
  expect((await agent.call("tracer_ack", { id })).isError).toBe(true);
  const { rows } = await database.pool.query("select acked_at from incidents");
  expect(rows).toEqual([{ acked_at: null }]);
});

test("with --allow-writes an agent acknowledges and silences; without a Tracer it is told so", async () => {
  await using database = await createTestDatabase();
  await using folder = await temporaryFolder();
  const cwd = folder.path;
  let port = "";
  {
    await using tracer = await startTracerProcess({ DATABASE_URL: database.connectionString });
    ({ port } = new URL(tracer.url));
    await sight(database.pool, [aSighting({ service: "checkout" })], SIGHT_OPTIONS);
    await using agent = await connect(["--allow-writes"], { cwd, port });
    const { tools } = await agent.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual([...READ_TOOLS, "tracer_ack", "tracer_silence"]);
    const id = /inc_[0-9a-f]+-1/.exec((await agent.call("tracer_incidents")).text)?.[0] ?? "";
    expect(JSON.parse((await agent.call("tracer_ack", { id })).text).ackedAt).toMatch(/^20/);
    const silence = { service: "checkout", for: "30m", reason: "planned work" };
    expect((await agent.call("tracer_silence", silence)).isError).toBe(false);
    const unmatched = await agent.call("tracer_silence", { for: "30m", reason: "everything" });
    expect(unmatched).toMatchObject({ isError: true });
    const { rows } = await database.pool.query("select service, reason from silences");
    expect(rows).toEqual([{ service: "checkout", reason: "planned work" }]);
  }
  await using agent = await connect([], { cwd, port });
  const nobody = await agent.call("tracer_incidents");
  expect(nobody).toMatchObject({ isError: true, text: expect.stringContaining("No Tracer") });
});
