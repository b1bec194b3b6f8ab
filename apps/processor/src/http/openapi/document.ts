import { z } from "zod";
import { ANSWERS } from "../answers/index.ts";
import type { DocumentedRoute } from "./collect.ts";
import { type ContentDoc, type RouteDoc, TAGS } from "./route-doc.ts";

/** An object of JSON. */
export interface Json {
  readonly [name: string]: unknown;
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const SECURITY = {
  bearer: { type: "http", scheme: "bearer", description: "Authorization: Bearer <key>" },
  header: { type: "apiKey", in: "header", name: "X-API-Key" },
  basic: { type: "http", scheme: "basic", description: "Any user name, the key as the password." },
  session: {
    type: "apiKey",
    in: "cookie",
    name: "tracer_session",
    description: "Of POST /login; for pages of Tracer's own origin.",
  },
} as const;

const DESCRIPTION = `What Tracer answers over HTTP. A key decides whose data is seen (its project) and what may be done (its
scopes: ingest, read, operate, admin). Where no key exists Tracer listens on this machine only and asks for none.
Failures are \`{"code","message","details"?}\`, but for doors that speak another protocol's dialect.`;

/** What can go wrong nearly everywhere. */
const FAILURES = {
  Wrong: "The request is wrong.",
  NoKey: "No key, or one that is not known, has expired or was revoked.",
  Forbidden: "The key has no right to this, or the request comes from elsewhere.",
  NotFound: "There is none, or it is another project's.",
  Other: "Any other failure; 429 and 503 say in Retry-After when to try again.",
} as const;

/** A test finds it. */
const UNDOCUMENTED: RouteDoc = { tag: "pages", summary: "", answers: { 200: {} } };

/** The OpenAPI 3.1 document of some routes. */
export function openApiDocument(routes: readonly DocumentedRoute[], version: string): Json {
  const paths = new Map<string, Map<string, Json>>();
  for (const route of routes) {
    const path = route.url.replaceAll(/:(\w+)/g, "{$1}").replace("*", "{file}");
    const operations = paths.get(path) ?? new Map<string, Json>();
    operations.set(route.method.toLowerCase(), operationOf(route, route.doc ?? UNDOCUMENTED, path));
    paths.set(path, operations);
  }
  const sorted = [...paths].sort(([left], [right]) => (left < right ? -1 : 1));
  return {
    openapi: "3.1.1",
    info: {
      title: "Tracer",
      version,
      description: DESCRIPTION.replaceAll("\n", " "),
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths: Object.fromEntries(
      sorted.map(([path, operations]) => [path, Object.fromEntries(operations)]),
    ),
    security: Object.keys(SECURITY).map((name) => ({ [name]: [] })),
    components: {
      schemas: componentsOf(),
      responses: Object.fromEntries(
        Object.entries(FAILURES).map(([name, description]) => [
          name,
          { description, content: contentOf({ schema: ANSWERS.Failure }, "output") },
        ]),
      ),
      securitySchemes: SECURITY,
    },
  };
}

function operationOf({ method, scope, keyInQuery }: DocumentedRoute, doc: RouteDoc, path: string) {
  const isOpen = scope === "open";
  const needs =
    scope === "any" ? "Any key will do." : isOpen ? "Needs no key." : `Needs the scope ${scope}.`;
  const parameters = [
    ...parametersOf("path", doc.params ?? pathParameters(path)),
    ...(doc.query === undefined ? [] : parametersOf("query", doc.query)),
    ...(keyInQuery === null
      ? []
      : [{ name: keyInQuery, in: "query", schema: { type: "string" }, description: "The key." }]),
  ];
  return {
    operationId: `${method.toLowerCase()}${path.replaceAll(/[^a-zA-Z0-9]+/g, "_").replace(/_$/, "") || "_"}`,
    tags: [doc.tag],
    summary: doc.summary,
    description: [doc.description, needs].filter((text) => text !== undefined).join(" "),
    "x-scope": scope,
    ...(isOpen ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(doc.body === undefined ? {} : { requestBody: requestOf(doc.body) }),
    responses: responsesOf(doc, isOpen),
  };
}

/** Those of a path whose doc says nothing about them. */
function pathParameters(path: string): z.ZodObject {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  return z.object(Object.fromEntries(names.map((name) => [name, z.string()])));
}

function parametersOf(place: "path" | "query", shape: z.ZodObject): Json[] {
  return Object.entries(shape.shape).map(([name, each]) => {
    const schema = z.toJSONSchema(each, { io: "input", override: withoutTimePattern });
    const { $schema: _, description, ...rest } = schema;
    const required = place === "path" || !z.safeParse(each, undefined).success;
    return {
      ...{ name, in: place, required },
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
}

function requestOf(body: ContentDoc): Json {
  const { schema } = body;
  const required = schema === undefined || !z.safeParse(schema, undefined).success;
  return { ...describedBy(body), required, content: contentOf(body, "input") };
}

function responsesOf({ answers, params, query, body, failure }: RouteDoc, isOpen: boolean): Json {
  const wrong = (name: keyof typeof FAILURES) =>
    failure === undefined
      ? { $ref: `#/components/responses/${name}` }
      : { description: FAILURES[name], content: contentOf(failure, "output") };
  const hasInput = params !== undefined || query !== undefined || body !== undefined;
  return {
    ...Object.fromEntries(
      Object.entries(answers).map(([status, answer]) => [
        status,
        {
          description: answer.description ?? (status === "204" ? "Done." : "As asked."),
          ...(answer.schema === undefined && answer.type === undefined
            ? {}
            : { content: contentOf(answer, "output") }),
        },
      ]),
    ),
    ...(hasInput && answers[400] === undefined ? { 400: wrong("Wrong") } : {}),
    ...(isOpen
      ? {}
      : {
          401: wrong("NoKey"),
          403: wrong("Forbidden"),
        }),
    ...(params === undefined ? {} : { 404: wrong("NotFound") }),
    default: wrong("Other"),
  };
}

function contentOf(doc: ContentDoc, io: "input" | "output"): Json {
  const types = typeof doc.type === "string" ? [doc.type] : (doc.type ?? ["application/json"]);
  const schema = doc.schema === undefined ? { type: "string" } : schemaOf(doc.schema, io);
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

function describedBy({ description }: ContentDoc): Json {
  return description === undefined ? {} : { description };
}

function schemaOf(schema: z.ZodType, io: "input" | "output"): Json {
  const named = Object.entries(ANSWERS).find(([, each]) => each === schema)?.[0];
  if (named !== undefined) return { $ref: refOf(named) };
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, override: withoutTimePattern });
  return rest;
}

function componentsOf(): Json {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(ANSWERS)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { uri: refOf, override: withoutTimePattern });
  const sorted = Object.entries(schemas).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(sorted.map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema]));
}

function refOf(id: string): string {
  return `#/components/schemas/${id}`;
}

/** The format says it; zod's pattern for it is longer than the rest of the document. */
function withoutTimePattern({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
}
