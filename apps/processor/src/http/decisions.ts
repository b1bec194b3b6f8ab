import { KINDS, TracerError } from "@tracer/core";
import type { FastifyPluginAsync } from "fastify";
import { z } from "zod";
import type { Answer } from "../decisions/answer.ts";
import type { WhyNot } from "../decisions/why-not.ts";
import { ANSWERS } from "./answers/index.ts";
import { parseInput } from "./input.ts";
import type { RouteDoc } from "./openapi/route-doc.ts";

export interface DecisionRoutesOptions {
  readonly whyNot: WhyNot;
}

/** The year 9999: further on, a time has no ISO 8601 form of its own. */
const AT_MS_MAX = 253_402_300_799_999;

const AT_ERROR = "must be an ISO 8601 time with an offset, or milliseconds since 1970";
const isoTime = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const epochMs = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number);

const Params = z.object({ service: z.string().min(1).max(300) });
const Query = z.object({
  at: z
    .union([isoTime, epochMs], { error: AT_ERROR })
    .refine((ms) => ms >= 0 && ms <= AT_MS_MAX, AT_ERROR)
    .optional(),
  environment: z.string().max(300).default(""),
  kind: z.enum(KINDS, { error: `must be one of ${KINDS.join(", ")}` }).optional(),
});

const DOC: RouteDoc = {
  tag: "services",
  summary: "Why nothing fired for a service at a moment, or what did.",
  params: Params,
  query: Query,
  answers: { 200: { schema: ANSWERS.Decisions } },
};

/** Why nothing fired for a service of the caller's project at a moment, now by default. */
export const decisionRoutes: FastifyPluginAsync<DecisionRoutesOptions> = async (
  app,
  { whyNot },
) => {
  app.get(
    "/api/v1/services/:service/decisions",
    { config: { doc: DOC } },
    async (request): Promise<Answer> => {
      const { service } = parseInput(Params, request.params);
      const { at, environment, kind } = parseInput(Query, request.query);
      const key = { project: request.caller.project, environment, service };
      const answer = await whyNot.ask({ key, atMs: at ?? null, kind: kind ?? null });
      if (answer !== null) return answer;
      const environments = await whyNot.environmentsOf(key);
      throw new TracerError("NOT_FOUND", unknownText(environments, whyNot.seriesFull), {
        details: { environments },
      });
    },
  );
};

function unknownText(environments: readonly string[], seriesFull: boolean): string {
  if (environments.length > 0) {
    const names = environments.map((name) => (name === "" ? "none" : name)).join(", ");
    return `There is no service of this name in this environment; it is known in: ${names}.`;
  }
  return seriesFull
    ? "There is no service of this name. SERIES_MAX is reached: new services are counted under (other)."
    : "There is no service of this name.";
}
