import Fastify from "fastify";
import { expect, test } from "vitest";
import type { TracerEvent } from "../tracer-event.ts";
import { backtestRoutes } from "./backtest.ts";
import { createErrorHandler } from "./errors.ts";

const LINES = ["error", "info", "info"].map((level, index) =>
  JSON.stringify({ level, service: "till", message: "sold", time: 1_700_000_000 + index }),
);
const BODY = LINES.join("\n");

async function startServer(bytesMax: number) {
  const app = Fastify();
  const events: TracerEvent[] = [];
  const observe = Object.assign((event: TracerEvent) => void events.push(event), {
    ...{ close: () => {}, metrics: async () => "", watch: () => {}, recordsAccepted: () => 0 },
  });
  app.setErrorHandler(createErrorHandler(observe));
  await app.register(backtestRoutes, { bytesMax });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  const post = async (body: string) => {
    const init = { method: "POST", body, headers: { "content-type": "application/octet-stream" } };
    const response = await fetch(`${url}/api/v1/backtest`, init);
    return { status: response.status, text: await response.text() };
  };
  return { post, [Symbol.asyncDispose]: () => app.close() };
}

test("a file is judged by a process of its own, one at a time, and what it cannot read is said", async () => {
  await using server = await startServer(BODY.length);
  const [first, second] = await Promise.all([server.post(BODY), server.post(BODY)]);
  expect([first.status, second.status].sort()).toEqual([200, 429]);
  const [report] = [first, second].filter(({ status }) => status === 200);
  expect(JSON.parse(report?.text ?? "")).toMatchObject({
    ...{ version: 1, input: "logs", parse: { records: 3 }, alerts: { total: 0 } },
  });
  const unreadable = await server.post("\u0000\u0001 no log");
  expect([unreadable.status, unreadable.text]).toEqual([400, expect.stringContaining("read")]);
});

test("a body beyond the bound is refused, and the next one is read", async () => {
  await using server = await startServer(BODY.length);
  const refused = await server.post(`${BODY}\n`).catch(() => ({ status: 413, text: "" }));
  expect(refused.status).toBe(413);
  expect((await server.post(BODY)).status).toBe(200);
});
