import { type Receiver, type RecordedRequest, startReceiver } from "./receiver.ts";

export interface FakeWebhook extends Receiver {
  /** Where to post. */
  readonly webhookUrl: string;
  /** The first request of every event that was taken, by its id. */
  readonly events: ReadonlyMap<string, RecordedRequest>;
}

/** A receiver of webhooks that knows a repeat by its id. Its faults are of the route `event`. */
export async function startFakeWebhook(): Promise<FakeWebhook> {
  const events = new Map<string, RecordedRequest>();
  const receiver = await startReceiver({
    routeOf: ({ method, path }) => (method === "POST" && path === "/hook" ? "event" : "unknown"),
    handle: (request) => {
      const id = request.headers["webhook-id"];
      if (request.route !== "event" || id === undefined) return { status: 404, body: "" };
      if (!events.has(id)) events.set(id, request);
      return { status: 204, body: "" };
    },
  });
  return {
    ...receiver,
    webhookUrl: `${receiver.url}/hook`,
    events,
    [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
  };
}
