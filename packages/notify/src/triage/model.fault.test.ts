import { aDeliveryTask, startFakeModel } from "@tracer/testkit";
import { expect, test } from "vitest";
import { openModel } from "./model.ts";
import { triage } from "./triage.ts";

const { signal } = new AbortController();
const { incident } = aDeliveryTask();
const ANSWER = JSON.stringify({
  ...{ summary: "Payments time out.", likely_cause: "A slow gateway." },
  ...{ what_to_check: ["the gateway"], confidence: "high" },
});

interface AskOptions {
  readonly apiKey?: string | null;
  readonly deadlineMs?: number;
}

async function ask(baseUrl: string, { apiKey = null, deadlineMs = 5_000 }: AskOptions = {}) {
  const model = await openModel({ model: "local-7b", baseUrl, apiKey });
  return triage(incident, { model, modelName: "local-7b", deadlineMs }, signal);
}

test("any endpoint that speaks OpenAI's chat completions can be asked", async () => {
  await using server = await startFakeModel({ apiKey: "k-1" });
  server.reply(ANSWER);
  expect(await ask(server.baseUrl, { apiKey: "k-1" })).toMatchObject({
    kind: "noted",
    note: { summary: "Payments time out.", model: "local-7b" },
  });
  expect(server.requests).toHaveLength(1);
  expect(server.requests[0]?.body).toMatchObject({
    model: "local-7b",
    response_format: { type: "json_schema" },
  });
  expect(server.requests[0]?.text).not.toContain('"tools"');
  expect(await ask(server.baseUrl)).toEqual({ kind: "failed", reason: "http_401" });
});

test.each([400, 429, 500, 503])("%i is a failure after one try", async (status) => {
  await using server = await startFakeModel();
  server.fail({ route: "chat", when: "before", status, headers: { "retry-after": "1" }, times: 9 });
  expect(await ask(server.baseUrl)).toEqual({ kind: "failed", reason: `http_${status}` });
  expect(server.requests).toHaveLength(1);
});

test("a cut, an endpoint that is not there, and one that hangs are failures", async () => {
  const server = await startFakeModel();
  server.fail({ route: "chat", when: "after", drop: true });
  expect(await ask(server.baseUrl)).toMatchObject({ kind: "failed" });
  server.fail({ route: "chat", when: "before", delayMs: 60_000 });
  expect(await ask(server.baseUrl, { deadlineMs: 50 })).toEqual({ kind: "timeout" });
  await server[Symbol.asyncDispose]();
  expect(await ask(server.baseUrl)).toMatchObject({ kind: "failed" });
});

test("an endpoint that sends us elsewhere is not followed: what is asked holds log lines", async () => {
  await using server = await startFakeModel();
  await using elsewhere = await startFakeModel();
  elsewhere.reply(ANSWER);
  const headers = { location: `${elsewhere.baseUrl}/chat/completions` };
  server.fail({ route: "chat", when: "before", status: 307, headers });
  expect(await ask(server.baseUrl)).toMatchObject({ kind: "failed" });
  expect(elsewhere.requests).toEqual([]);
});
