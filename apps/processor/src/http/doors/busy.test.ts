import { expect, test } from "vitest";
import { recordingObserve } from "../../fixtures.test-helper.ts";
import { InFlight } from "../in-flight.ts";
import { createServer } from "../server.ts";
import { doors } from "./index.ts";

/** The doors on a budget of which nothing is left; what is counted fails the test. */
async function busyServer() {
  const observe = recordingObserve();
  const app = createServer({
    observe,
    access: {
      ...{ ingestKey: null, adminKey: null, keysExist: () => false, publicHost: null },
      findKey: async () => null,
    },
  });
  const inFlight = new InFlight({ bytesMax: 10 });
  const held = inFlight.admit(10);
  const ingest = async () => {
    throw new Error("Something was taken.");
  };
  const ingestMetrics = () => ({ accepted: 0, rejected: 0, message: "" });
  await app.register(doors, { ingest, ingestMetrics, inFlight, observe });
  return { app, inFlight, held };
}

const HEADERS = { host: "localhost" };

test.each([
  ["/services/collector/event", '{"event":"a"}', { text: "Server is busy", code: 9 }],
  [
    "/api/v2/logs",
    '{"message":"a"}',
    { errors: [{ status: "503", title: "Service Unavailable", detail: expect.any(String) }] },
  ],
  [
    "/firehose",
    '{"requestId":"r","records":[]}',
    { requestId: "id", timestamp: expect.any(Number), errorMessage: expect.any(String) },
  ],
  ["/gelf", '{"short_message":"a"}', { code: "INGEST_BUSY", message: expect.any(String) }],
])("%s with no room: 503, when to come back, in its own words", async (url, payload, body) => {
  const { app } = await busyServer();
  const headers = { ...HEADERS, "x-amz-firehose-request-id": "id" };
  const answer = await app.inject({ method: "POST", url, headers, payload });
  expect(answer.statusCode).toBe(503);
  expect(answer.headers["retry-after"]).toBe("1");
  expect(answer.json()).toEqual(body);
});

test("Splunk's health: full, well again, stopping", async () => {
  const { app, inFlight, held } = await busyServer();
  const health = async () => {
    const answer = await app.inject({ url: "/services/collector/health", headers: HEADERS });
    return [answer.statusCode, answer.json().code];
  };
  expect(await health()).toEqual([503, 18]);
  held.release();
  expect(await health()).toEqual([200, 17]);
  inFlight.close();
  expect(await health()).toEqual([503, 23]);
});
