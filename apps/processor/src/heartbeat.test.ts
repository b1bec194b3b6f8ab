import { createServer } from "node:http";
import { systemClock } from "@tracer/core";
import { expect, test } from "vitest";
import { startHeartbeat } from "./heartbeat.ts";
import { createObserve } from "./observe.ts";

async function firstBeat(
  more: { touchDatabase?: () => Promise<void>; missing?: () => Promise<string[]> },
  status = 200,
): Promise<{ lines: string[]; asked: number }> {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked += 1;
    response.writeHead(status, { location: "/elsewhere" }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const lines: string[] = [];
  const beaten = Promise.withResolvers<void>();
  const write = (line: string) => {
    lines.push(line);
    beaten.resolve();
  };
  const observe = createObserve("debug", { write });
  const works = { touchDatabase: async () => {}, missing: async () => [], clock: systemClock };
  const url = `http://127.0.0.1:${port}/secret-token`;
  const loop = startHeartbeat({ ...works, ...more, url, observe });
  await beaten.promise;
  await loop[Symbol.asyncDispose]();
  server.close();
  observe.close();
  expect(lines.join()).not.toContain("secret-token");
  return { lines, asked };
}

test("all is well: it is said, once a round", async () => {
  const { lines, asked } = await firstBeat({});
  expect([asked, lines]).toEqual([1, [expect.stringContaining('"outcome":"sent"')]]);
});

test("the database does not take a write, or Tracer is not ready: nothing is sent", async () => {
  const away = async () => {
    throw new Error("away");
  };
  for (const more of [{ touchDatabase: away }, { missing: async () => ["database"] }]) {
    const { lines, asked } = await firstBeat(more);
    expect([asked, lines]).toEqual([0, [expect.stringContaining("self_test_failed")]]);
  }
});

test("a redirect is not followed, and a refusal is said", async () => {
  for (const status of [302, 404, 500]) {
    const { lines, asked } = await firstBeat({}, status);
    expect([asked, lines]).toEqual([1, [expect.stringContaining(`"reason":"HTTP ${status}"`)]]);
  }
});
