import { createDatadogDecoder, tagsOf } from "@tracer/ingest";
import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import { dialectErrors } from "../errors.ts";
import { DOOR_DOCS } from "./docs.ts";
import { type DoorOptions, type Protocol, receive } from "./door.ts";

/** Datadog's log intake, as its agent and its clients use it; `ddtags` may stand in the query, too. */
export const datadogDoor: FastifyPluginAsync<DoorOptions> = async (app, options) => {
  app.setErrorHandler(
    dialectErrors(options.observe, ({ status, message }) => ({
      body: {
        errors: [{ status: String(status), title: TITLES[status] ?? "Error", detail: message }],
      },
    })),
  );
  const access = { scope: "ingest", keyInQuery: "dd-api-key" } as const;
  const config = { ...access, doc: DOOR_DOCS.datadog };
  for (const path of ["/api/v2/logs", "/v1/input"]) {
    app.post(path, { config }, async (request, reply) => {
      await receive(options, request, protocolOf(request));
      return reply.code(202).send({});
    });
  }
  const validate = { config: { ...access, doc: DOOR_DOCS.datadogValidate } };
  app.get("/api/v1/validate", validate, async () => ({ valid: true }));
};

function protocolOf({ query }: FastifyRequest): Protocol {
  const ddtags =
    typeof query === "object" && query !== null && "ddtags" in query ? query.ddtags : "";
  const defaultEnvironment = tagsOf(ddtags).get("env") ?? "";
  return {
    name: "datadog",
    createDecoder: (bytes, context, onBatch) =>
      createDatadogDecoder(bytes, { ...context, defaultEnvironment }, onBatch),
  };
}

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  413: "Payload Too Large",
  415: "Unsupported Media Type",
  429: "Too Many Requests",
  503: "Service Unavailable",
};
