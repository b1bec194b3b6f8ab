import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { ANSWERS } from "../../src/http/answers/index.ts";
import { SAMPLES, type Things } from "./samples.ts";

export const DOCUMENT_PATH = fileURLToPath(
  new URL("../../../../docs/openapi.json", import.meta.url),
);

const Content = z.record(
  z.string(),
  z.object({ schema: z.looseObject({ $ref: z.string().optional() }) }),
);
const OperationShape = z.looseObject({
  summary: z.string().min(1, "has no doc: RouteDoc"),
  "x-scope": z.enum(["open", "any", "ingest", "read", "operate", "admin"]),
  responses: z.record(z.string(), z.looseObject({ content: Content.optional() })),
});
const DocumentShape = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), OperationShape)),
});

/** One operation of the committed document. */
export interface Operation {
  /** As in SAMPLES. */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly scope: z.infer<typeof OperationShape>["x-scope"];
  readonly responses: z.infer<typeof OperationShape>["responses"];
}

export function operations(): Operation[] {
  const document = DocumentShape.parse(JSON.parse(readFileSync(DOCUMENT_PATH, "utf8")));
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { "x-scope": scope, responses }]) => ({
      ...{ name: `${method.toUpperCase()} ${path}`, method: method.toUpperCase() },
      ...{ path, scope, responses },
    })),
  );
}

/** A request of an operation's sample, about the things of some project. */
export function requestOf(
  operation: Operation,
  things: Things,
): { path: string; init: RequestInit } {
  const { params, query = "", body } = SAMPLES[operation.name] ?? {};
  const values = { name: "own-index", index: "own-index", ...params?.(things) };
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = Object.entries(values).find(([key]) => key === name)?.[1];
    if (value === undefined) throw new Error(`${operation.name}: no sample of {${name}}`);
    return encodeURIComponent(value);
  });
  const content =
    body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
  return {
    path: path + query,
    init: {
      method: operation.method,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      ...content,
      redirect: "manual",
    },
  };
}

/** What the sample of an operation should be answered with. */
export function wantedStatus({ name, responses }: Operation): number {
  return SAMPLES[name]?.status ?? Number(Object.keys(responses).find((each) => each < "300"));
}

/** The schema of an operation's JSON answer; null when the document promises no JSON. */
export function answerSchema({ responses }: Operation, status: number): z.ZodType | null {
  const content = responses[status]?.content?.["application/json"];
  if (content === undefined) return null;
  const name = content.schema.$ref?.split("/").at(-1);
  return Object.entries(ANSWERS).find(([key]) => key === name)?.[1] ?? null;
}
