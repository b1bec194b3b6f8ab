import type { ServerResponse } from "node:http";
import { TracerError } from "@tracer/core";
import type { FastifyPluginAsync } from "fastify";
import type { LiveEvents } from "../live-events.ts";
import type { RouteDoc } from "./openapi/route-doc.ts";

export interface EventRoutesOptions {
  readonly events: LiveEvents;
}

/** Pages that may listen at once. */
export const LISTENERS_MAX = 200;
/** A listener that has not read this many bytes is too slow and is cut off; it connects again by itself. */
const UNREAD_BYTES_MAX = 1024 * 1024;

const DOC: RouteDoc = {
  tag: "incidents",
  summary: "Server-sent events: `counts` each second, `incident` on every change.",
  answers: { 200: { type: "text/event-stream", description: "Until either side ends it." } },
};

/** Server-sent events: `counts` each second, `incident` on every change, of the caller's project. */
export const eventRoutes: FastifyPluginAsync<EventRoutesOptions> = async (app, { events }) => {
  const open = new Set<ServerResponse>();
  app.addHook("preClose", async () => {
    for (const response of open) response.end();
  });

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
    const stopListening = events.listen(request.caller.project, (event) => {
      raw.write(`event: ${event.name}\nid: ${event.id}\ndata: ${JSON.stringify(event.data)}\n\n`);
      if (raw.writableLength > UNREAD_BYTES_MAX) raw.destroy();
    });
    raw.on("error", () => raw.destroy());
    raw.on("close", () => {
      open.delete(raw);
      stopListening();
    });
  });
};
