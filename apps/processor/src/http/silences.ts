import { type Incident, KINDS, SEVERITIES, TracerError } from "@tracer/core";
import {
  type CreateSilenceOptions,
  type ListSilencesOptions,
  REASON_CHARS_MAX,
  SILENCE_STATES,
  type Silence,
  type SilenceMatchers,
  type SilencePage,
} from "@tracer/store";
import type { FastifyPluginAsync } from "fastify";
import { z } from "zod";
import { ANSWERS } from "./answers/index.ts";
import { noteAct } from "./audit.ts";
import { parseInput } from "./input.ts";
import type { RouteDoc } from "./openapi/route-doc.ts";

export interface SilenceRoutesOptions {
  readonly create: (options: CreateSilenceOptions) => Promise<Silence>;
  readonly list: (options: ListSilencesOptions) => Promise<SilencePage>;
  /** Null when the project has none of this id. */
  readonly expire: (options: { id: string; project: string }) => Promise<Silence | null>;
  /** Open incidents that it would hold back. */
  readonly preview: (options: {
    project: string;
    matchers: SilenceMatchers;
    limit: number;
  }) => Promise<Incident[]>;
}

const PATTERN_CHARS_MAX = 300;
const SILENCES_PER_PAGE_MAX = 1_000;
const PREVIEW_MAX = 200;

const Text = z.string().refine((text) => !text.includes("\0"), "must not hold NUL");
const Pattern = Text.min(1).max(PATTERN_CHARS_MAX);
const Matchers = z
  .strictObject({
    service: Pattern.optional(),
    kind: z.enum(KINDS).optional(),
    severity: z.enum(SEVERITIES).optional(),
    template: Pattern.optional(),
  })
  .refine(
    (matchers) => Object.values(matchers).some((matcher) => matcher !== undefined),
    "must name at least one of service, kind, severity, template",
  );
const Instant = z.iso
  .datetime({ offset: true, error: "must be ISO 8601 with an offset, as 2026-01-31T14:05:00Z" })
  .transform((text) => new Date(text))
  .refine(
    (time) => time.getUTCFullYear() >= 1970 && time.getUTCFullYear() <= 9999,
    "must be a time",
  )
  .transform((time) => time.toISOString());
const Body = z
  .strictObject({
    matchers: Matchers,
    reason: Text.refine((text) => text.trim() !== "", "must not be empty").max(REASON_CHARS_MAX),
    startsAt: Instant.optional(),
    endsAt: Instant.optional(),
    /** Instead of `endsAt`, for callers whose clock nobody trusts. */
    forSeconds: z
      .number()
      .min(1)
      .max(400 * 86_400)
      .optional(),
  })
  .refine(({ endsAt, forSeconds }) => (endsAt === undefined) !== (forSeconds === undefined), {
    path: ["endsAt"],
    message: "is required, or forSeconds instead of it",
  });
const ListQuery = z.object({
  state: z.enum([...SILENCE_STATES, "all"]).default("active"),
  limit: z.coerce.number().int().min(1).max(SILENCES_PER_PAGE_MAX).default(200),
  cursor: z.string().max(100).optional(),
});
const Params = z.object({ id: z.string().max(60) });

const PreviewBody = z.strictObject({ matchers: Matchers });

const DOCS = {
  list: {
    tag: "operate",
    summary: "Silences, newest first.",
    query: ListQuery,
    answers: { 200: { schema: ANSWERS.SilencePage } },
  },
  create: {
    tag: "operate",
    summary: "Keeps what matches from being told, until a time and for a reason.",
    body: { schema: Body },
    answers: { 201: { schema: ANSWERS.Silence } },
  },
  preview: {
    tag: "operate",
    summary: "What a silence would hold back of what is open now.",
    body: { schema: PreviewBody },
    answers: { 200: { schema: ANSWERS.SilencePreview } },
  },
  expire: {
    tag: "operate",
    summary: "Ends a silence now.",
    params: Params,
    answers: { 200: { schema: ANSWERS.Silence } },
  },
} as const satisfies Readonly<Record<string, RouteDoc>>;

/** The silences of the caller's project; another project's are not found. */
export const silenceRoutes: FastifyPluginAsync<SilenceRoutesOptions> = async (app, options) => {
  app.get("/api/v1/silences", { config: { doc: DOCS.list } }, async (request) => {
    const { state, limit, cursor } = parseInput(ListQuery, request.query);
    return options.list({
      ...{ state, limit, project: request.caller.project },
      ...(cursor === undefined ? {} : { cursor }),
    });
  });

  const create = { config: { scope: "operate" as const, doc: DOCS.create } };
  app.post("/api/v1/silences", create, async (request, reply) => {
    const { matchers, reason, startsAt, endsAt, forSeconds } = parseInput(Body, request.body);
    const silence = await options.create({
      project: request.caller.project,
      matchers: given(matchers),
      reason,
      ...(startsAt === undefined ? {} : { startsAt }),
      ends: endsAt === undefined ? { inSeconds: forSeconds ?? 0 } : { at: endsAt },
      by: request.caller.name,
    });
    noteAct(request, "silence.create", silence.id);
    reply.code(201);
    return silence;
  });

  app.post("/api/v1/silences/preview", { config: { doc: DOCS.preview } }, async (request) => {
    const { matchers } = parseInput(PreviewBody, request.body);
    const { project } = request.caller;
    return {
      incidents: await options.preview({ project, matchers: given(matchers), limit: PREVIEW_MAX }),
    };
  });

  const expire = { config: { scope: "operate" as const, doc: DOCS.expire } };
  app.delete("/api/v1/silences/:id", expire, async (request) => {
    const { id } = parseInput(Params, request.params);
    const silence = await options.expire({ id, project: request.caller.project });
    if (silence === null) throw new TracerError("NOT_FOUND", "There is no silence of this id.");
    noteAct(request, "silence.expire", id);
    return silence;
  });
};

/** Without the keys that are there but undefined. */
function given({ service, kind, severity, template }: z.infer<typeof Matchers>): SilenceMatchers {
  return {
    ...(service === undefined ? {} : { service }),
    ...(kind === undefined ? {} : { kind }),
    ...(severity === undefined ? {} : { severity }),
    ...(template === undefined ? {} : { template }),
  };
}
