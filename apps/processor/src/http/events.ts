import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { TracerError } from "@tracer/core";
import type { FastifyPluginAsync } from "fastify";
import type { LiveEvent, LiveEvents } from "../live-events.ts";
import type { RouteDoc } from "./openapi/route-doc.ts";

export interface EventRoutesOptions {
  readonly events: LiveEvents;
}

/** Pages that may listen at once. */
export const LISTENERS_MAX = 200;
/** A listener that has not read this many bytes is too slow and is cut off; it connects again by itself. */
const UNREAD_BYTES_MAX = 1024 * 1024;
/** Something is sent at least this often, so that a broken connection shows on either side. */
const HEARTBEAT_MS = 3_000;

const DOC: RouteDoc = {
  tag: "incidents",
  summary: "Server-sent events: `counts` each second, `incident` on every change.",
  answers: { 200: { type: "text/event-stream", description: "Until either side ends it." } },
};

/**
 * Server-sent events: `counts` each second, `incident` on every change, of the caller's project. Who comes back with
 * `Last-Event-ID` is told first what changed since, or by `reset` that nobody knows it any more.
 */
export const eventRoutes: FastifyPluginAsync<EventRoutesOptions> = async (app, { events }) => {
  const open = new Set<ServerResponse>();
  const run = randomUUID().slice(0, 8); // Ids of another process mean nothing to this one.
  const heartbeat = setInterval(() => {
    for (const response of open) response.write(": alive\n\n");
  }, HEARTBEAT_MS).unref();
  app.addHook("preClose", async () => {
    clearInterval(heartbeat);
    for (const response of open) response.end();
  });
  const textOf = ({ name, id, data }: LiveEvent) =>
    `event: ${name}\nid: ${run}-${id}\ndata: ${JSON.stringify(data)}\n\n`;
  const missedText = (project: string, lastId: string) => {
    const [ofRun, number = ""] = lastId.split("-");
    const isOurs = ofRun === run && /^\d{1,15}$/.test(number);
    const missed = isOurs ? events.since(project, Number(number)) : null;
    return missed === null ? "event: reset\ndata: {}\n\n" : missed.map(textOf).join("");
  };

  app.get("/api/v1/events", { config: { doc: DOC } }, async (request, reply) => {
    if (open.size >= LISTENERS_MAX) {
      throw new TracerError("LISTENERS_FULL", "Too many pages are listening; close one.");
    }
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
      "x-content-type-options": "nosniff",
    });
    open.add(raw);
    const lastId = request.headers["last-event-id"];
    if (typeof lastId === "string") raw.write(missedText(request.caller.project, lastId));
    const stopListening = events.listen(request.caller.project, (event) => {
      raw.write(textOf(event));
      if (raw.writableLength > UNREAD_BYTES_MAX) raw.destroy();
    });
    raw.on("error", () => raw.destroy());
    raw.on("close", () => {
      open.delete(raw);
      stopListening();
    });
  });
};
