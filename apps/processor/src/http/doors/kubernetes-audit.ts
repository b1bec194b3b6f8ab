import { createKubernetesAuditDecoder } from "@tracer/ingest";
import type { FastifyPluginAsync } from "fastify";
import { DOOR_DOCS } from "./docs.ts";
import { type DoorOptions, receive } from "./door.ts";

/** The webhook backend of the Kubernetes audit log. */
export const kubernetesAuditDoor: FastifyPluginAsync<DoorOptions> = async (app, options) => {
  const protocol = { name: "k8s-audit", createDecoder: createKubernetesAuditDecoder };
  app.post(
    "/k8s-audit",
    { config: { scope: "ingest", doc: DOOR_DOCS.kubernetesAudit } },
    async (request) => {
      await receive(options, request, protocol);
      return {};
    },
  );
};
