import { parseIncidentId } from "@tracer/core";
import type { DeliveryAttempt, DeliveryRecord, getIncident } from "@tracer/store";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { incidentBody } from "./html/incident-page.ts";
import { loginBody } from "./html/login-page.ts";
import { parseInput } from "./input.ts";
import type { WithoutScript } from "./page.ts";

export interface IncidentPageOptions {
  readonly get: (id: string) => ReturnType<typeof getIncident>;
  /** What became of each try, by delivery id. */
  readonly attemptsOf: (
    deliveryIds: readonly string[],
  ) => Promise<ReadonlyMap<string, readonly DeliveryAttempt[]>>;
}

const Params = z.object({ id: z.string().max(60) });

const NOT_FOUND =
  '<header><p class="brand">Tracer</p><h1>There is no such incident</h1><p class="lede">It may be older than what is kept, ' +
  'or belong to another project.</p></header><main><p><a href="../">What is open now</a></p></main>';

/** `/i/<incident>` without a script: whoever has no session is asked for a key, and comes back. */
export function incidentWithoutScript(options: IncidentPageOptions) {
  return async (request: FastifyRequest): Promise<WithoutScript> => {
    const { id } = parseInput(Params, request.params);
    const { project } = request.caller;
    if (project === "") {
      // From another site the browser keeps the cookie back; from this page it sends it.
      if (request.headers["sec-fetch-site"] === "cross-site") return AGAIN;
      const next = /^[a-zA-Z0-9_-]+$/.test(id) ? `i/${id}` : "";
      return { status: 401, body: loginBody({ root: "../", next }) };
    }
    const found = parseIncidentId(id) === null ? null : await options.get(id);
    if (found === null || found.incident.project !== project) {
      return { status: 404, body: NOT_FOUND };
    }
    const deliveries = await inFull(options, found.deliveries);
    return { status: 200, body: incidentBody({ ...found.incident, deliveries }) };
  };
}

const AGAIN: WithoutScript = {
  status: 401,
  head: '<meta http-equiv="refresh" content="0">',
  body: '<main><p>One moment. If nothing happens, <a href="">go on</a>.</p></main>',
};

async function inFull(options: IncidentPageOptions, deliveries: readonly DeliveryRecord[]) {
  const attempts = await options.attemptsOf(deliveries.map(({ id }) => id));
  return deliveries.map((delivery) => ({ ...delivery, tries: attempts.get(delivery.id) ?? [] }));
}
