import { setImmediate as nextTurn } from "node:timers/promises";
import { TracerError } from "@tracer/core";
import {
  type CreateDecoder,
  createLokiJsonDecoder,
  createLokiProtoDecoder,
  isLokiJson,
  SnappyInflater,
  snappyHead,
} from "@tracer/ingest";
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import { INFLATED_BYTES_MAX } from "../body.ts";
import { dialectErrors } from "../errors.ts";
import type { InFlightShare } from "../in-flight.ts";
import { DOOR_DOCS } from "./docs.ts";
import { type DoorOptions, receive } from "./door.ts";

/** Inflated between two turns of the event loop. */
const INFLATE_SLICE_BYTES = 1024 * 1024;

/** Loki's push API, JSON or a Snappy block of protobuf, and where agents look whether Loki is ready. */
export const lokiDoor: FastifyPluginAsync<DoorOptions> = async (app, options) => {
  app.addHook("onRequest", async (request) => {
    // As Loki itself: Snappy is part of the format, and some clients name it once more as the encoding.
    const encoding = request.raw.headers["content-encoding"] ?? "";
    if (encoding.toLowerCase() === "snappy") request.raw.headers["content-encoding"] = "identity";
  });
  app.setErrorHandler(
    dialectErrors(options.observe, ({ code, message }) => ({
      body: `${message}\n`,
      contentType: "text/plain; charset=utf-8",
      ...(code === "INGEST_BUSY" ? { status: 429 } : {}),
    })),
  );
  const push = async (request: FastifyRequest, reply: FastifyReply) => {
    let decoder: CreateDecoder = createLokiJsonDecoder;
    await receive(options, request, {
      name: "loki",
      createDecoder: (...body) => decoder(...body),
      unpack: async (body, share) => {
        if (isLokiJson(body, request.contentType)) return body;
        decoder = createLokiProtoDecoder;
        return await inflate(body, share);
      },
    });
    return reply.code(204).send();
  };
  app.post("/loki/api/v1/push", { config: { scope: "ingest", doc: DOOR_DOCS.loki } }, push);
  app.post("/api/prom/push", { config: { scope: "ingest", doc: DOOR_DOCS.loki } }, push);
  app.get(
    "/ready",
    { config: { scope: "ingest", doc: DOOR_DOCS.lokiReady } },
    async (_request, reply) => reply.type("text/plain; charset=utf-8").send("ready\n"),
  );
};

async function inflate(block: Buffer, share: InFlightShare): Promise<Buffer> {
  const head = snappyHead(block);
  if (head === null) {
    throw new TracerError("BODY_NOT_LOGS", "The body is neither JSON nor a Snappy block.");
  }
  if (head.length > INFLATED_BYTES_MAX) {
    throw new TracerError(
      "BODY_INFLATES_TOO_MUCH",
      `The body inflates to more than ${INFLATED_BYTES_MAX} bytes; send smaller batches.`,
    );
  }
  share.grow(head.length);
  const inflater = new SnappyInflater(block, head);
  for (;;) {
    const outcome = inflater.advance(INFLATE_SLICE_BYTES);
    if (outcome === "done") return inflater.inflated;
    if (outcome === "broken") {
      throw new TracerError("ENCODING_INVALID", "The body is not a valid Snappy block.");
    }
    await nextTurn();
  }
}
