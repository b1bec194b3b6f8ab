import type { FastifyPluginAsync } from "fastify";
import { cloudflareDoor } from "./cloudflare.ts";
import { datadogDoor } from "./datadog.ts";
import type { DoorOptions } from "./door.ts";
import { elasticsearchDoor } from "./elasticsearch.ts";
import { firehoseDoor } from "./firehose.ts";
import { gelfDoor } from "./gelf.ts";
import { herokuDoor } from "./heroku.ts";
import { kubernetesAuditDoor } from "./kubernetes-audit.ts";
import { logsDoor } from "./logs.ts";
import { lokiDoor } from "./loki.ts";
import { otlpDoor } from "./otlp.ts";
import { splunkDoor } from "./splunk.ts";
import { vercelDoor } from "./vercel.ts";

const DOORS: readonly FastifyPluginAsync<DoorOptions>[] = [
  ...[logsDoor, otlpDoor, lokiDoor, elasticsearchDoor],
  ...[datadogDoor, splunkDoor, gelfDoor, firehoseDoor],
  ...[vercelDoor, herokuDoor, cloudflareDoor, kubernetesAuditDoor],
];

/**
 * The doors for log records, one plugin a protocol, told apart by path, never by content type.
 * Back-pressure comes before the body is read; 2xx means counted. A door that speaks another's dialect
 * sets its own error handler (`dialectErrors`).
 */
export const doors: FastifyPluginAsync<DoorOptions> = async (app, options) => {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  app.decorateRequest("contentType", "");
  app.addHook("onRequest", async (request) => {
    // Content types that Fastify would refuse to parse must not matter either.
    request.contentType = request.headers["content-type"] ?? "";
    request.raw.headers["content-type"] = "application/octet-stream";
  });
  const { limits } = options;
  if (limits !== undefined) {
    app.addHook("onSend", async (request, reply) => {
      const { id, project } = request.caller;
      if (project !== "") reply.headers(limits.headers(id)); // Else nobody's.
    });
  }
  for (const door of DOORS) await app.register(door, options);
};

declare module "fastify" {
  interface FastifyRequest {
    /** Of a request to a door: the Content-Type as it was sent, `""` for none. A hint, never a decision. */
    contentType: string;
  }
}
