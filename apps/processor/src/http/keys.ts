import { TracerError } from "@tracer/core";
import {
  type CreateKeyOptions,
  KEY_SCOPES,
  type KeyRecord,
  type ListKeysOptions,
  PROJECT_PATTERN,
  type revokeKey,
} from "@tracer/store";
import type { FastifyPluginAsync } from "fastify";
import { z } from "zod";
import { ANSWERS } from "./answers/index.ts";
import { noteAct } from "./audit.ts";
import { type Caller, DEFAULT_PROJECT } from "./caller.ts";
import { parseInput } from "./input.ts";
import type { RouteDoc } from "./openapi/route-doc.ts";
import { projectAsked } from "./project-asked.ts";

export interface KeyRoutesOptions {
  readonly create: (options: CreateKeyOptions) => Promise<{ key: string; record: KeyRecord }>;
  readonly list: (options: ListKeysOptions) => Promise<KeyRecord[]>;
  readonly revoke: (which: { id: string; project: string | null }) => ReturnType<typeof revokeKey>;
  /** False until there is any: then the first has to be one that may administer. */
  readonly keysExist: () => boolean;
}

const LABEL_CHARS_MAX = 100;
const SERVICE_CHARS_MAX = 200;
const KEYS_LISTED_MAX = 1_000;
const EXPIRES_SECONDS_MAX = 10 * 366 * 86_400;

const Text = z.string().refine((text) => !/\p{Cc}/u.test(text), "must not hold control characters");
const Project = z
  .string()
  .regex(PROJECT_PATTERN, "must be 1 to 64 letters, digits, hyphens or underscores");
const Body = z.strictObject({
  project: Project.optional().describe("One that is new is made. Default: the caller's."),
  label: Text.max(LABEL_CHARS_MAX).default(""),
  scopes: z
    .array(z.enum(KEY_SCOPES))
    .min(1)
    .max(KEY_SCOPES.length)
    .optional()
    .describe("Default: ingest; of the first key there is: admin."),
  service: Text.min(1)
    .max(SERVICE_CHARS_MAX)
    .optional()
    .describe("Every record that it sends counts as this service's."),
  expiresInSeconds: z.number().min(1).max(EXPIRES_SECONDS_MAX).optional(),
});
const ListQuery = z.object({
  project: z.string().max(64).optional().describe("`*` for all; administrators of `default` only."),
  limit: z.coerce.number().int().min(1).max(KEYS_LISTED_MAX).default(200),
});
const Params = z.object({ id: z.string().regex(/^\d{1,15}$/, "must be the id of a key") });

const DOCS = {
  list: {
    tag: "administer",
    summary: "Keys, newest first; never what they are in full.",
    query: ListQuery,
    answers: { 200: { schema: ANSWERS.KeyList } },
  },
  create: {
    tag: "administer",
    summary: "Makes a key, and its project where there is none. It is told this once.",
    body: { schema: Body },
    answers: { 201: { schema: ANSWERS.KeyMade } },
  },
  revoke: {
    tag: "administer",
    summary: "Ends a key now; other processors hear of it within a minute.",
    params: Params,
    answers: { 200: { schema: ANSWERS.Key } },
  },
} as const satisfies Readonly<Record<string, RouteDoc>>;

/** Keys of the caller's project; administrators of the default project look after those of all. */
export const keyRoutes: FastifyPluginAsync<KeyRoutesOptions> = async (app, options) => {
  const admin = (doc: RouteDoc) => ({ config: { scope: "admin" as const, doc } });

  app.get("/api/v1/keys", admin(DOCS.list), async (request) => {
    const { project, limit } = parseInput(ListQuery, request.query);
    return { keys: await options.list({ project: projectAsked(request.caller, project), limit }) };
  });

  app.post("/api/v1/keys", admin(DOCS.create), async (request, reply) => {
    const { caller } = request;
    const { expiresInSeconds, service, label, ...asked } = parseInput(Body, request.body ?? {});
    const project = projectAsked(caller, asked.project) ?? caller.project;
    const isFirst = !options.keysExist();
    const scopes = asked.scopes ?? (isFirst ? (["admin"] as const) : (["ingest"] as const));
    if (isFirst) requireAdministrator(project, scopes);
    const { key, record } = await options.create({
      ...{ project, label, scopes, by: caller.name },
      ...{ service: service ?? null, expiresInSeconds: expiresInSeconds ?? null },
    });
    noteAct(request, "key.create", keyName(record), { ...caller, project });
    reply.code(201).header("cache-control", "no-store");
    return { ...record, key };
  });

  app.delete("/api/v1/keys/:id", admin(DOCS.revoke), async (request) => {
    const { id } = parseInput(Params, request.params);
    const { caller } = request;
    const project = caller.project === DEFAULT_PROJECT ? null : caller.project;
    const revoked = await options.revoke({ id, project });
    if (revoked === "unknown") throw new TracerError("NOT_FOUND", "There is no key of this id.");
    if (revoked === "last_admin") {
      throw new TracerError(
        "INPUT_INVALID",
        "This is the last key that may administer everything. Make another one first.",
      );
    }
    noteAct(request, "key.revoke", keyName(revoked), { ...caller, project: revoked.project });
    return revoked;
  });
};

/** From the first key on everybody needs one: whoever could not make a second would be locked out. */
function requireAdministrator(project: string, scopes: Caller["scopes"]): void {
  if (project === DEFAULT_PROJECT && scopes.includes("admin")) return;
  const reason =
    "the first key must have the scope admin and the project default, because from then on every request needs a key";
  const details = [{ field: "scopes", reason }];
  throw new TracerError("INPUT_INVALID", `scopes: ${reason}`, { details });
}

function keyName({ id, label, prefix }: KeyRecord): string {
  return `${id} ${label === "" ? prefix : label}`;
}
