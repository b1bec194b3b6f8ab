import { z } from "zod";

/** No person reads more alerts than that in an hour; and it bounds what a night of them costs. */
const HOURLY_MAX = 20;

const url = z.url({ protocol: /^https?$/, error: "must be an http:// or https:// URL" });

/** The keys of the environment that are about models. */
export const TriageEnvironment = {
  TRIAGE_MODEL: z.string().max(200, "must have at most 200 characters").optional(),
  TRIAGE_BASE_URL: url.optional(),
  TRIAGE_API_KEY: z.string().optional(),
  TRIAGE_HOURLY_MAX: z.coerce
    .number("must be a whole number")
    .int("must be a whole number")
    .min(1, "must be at least 1; unset TRIAGE_MODEL to ask no model")
    .max(10_000, "must be at most 10000")
    .default(HOURLY_MAX),
};

type Values = z.infer<z.ZodObject<typeof TriageEnvironment>>;

/** A model that may be asked. */
export interface TriageConfig {
  readonly model: string;
  /** Of an API that speaks OpenAI's chat completions; null: the AI Gateway. */
  readonly baseUrl: string | null;
  readonly apiKey: string | null;
  /** Calls an hour of all processors together, for incidents. */
  readonly hourlyMax: number;
}

/** Null: no model is asked about anything. */
export function triageConfigOf(values: Values): TriageConfig | null {
  if (values.TRIAGE_MODEL === undefined) return null;
  return {
    model: values.TRIAGE_MODEL,
    baseUrl: values.TRIAGE_BASE_URL?.replace(/\/+$/, "") ?? null,
    apiKey: values.TRIAGE_API_KEY ?? null,
    hourlyMax: values.TRIAGE_HOURLY_MAX,
  };
}

/** What is wrong with the keys together, by key. */
export function triageProblems(values: NodeJS.ProcessEnv): string[] {
  if (values["TRIAGE_MODEL"] === undefined) {
    return values["TRIAGE_BASE_URL"] === undefined && values["TRIAGE_API_KEY"] === undefined
      ? []
      : ["TRIAGE_MODEL: is required with TRIAGE_BASE_URL and TRIAGE_API_KEY"];
  }
  return values["TRIAGE_BASE_URL"] === undefined && values["TRIAGE_API_KEY"] === undefined
    ? ["TRIAGE_API_KEY: is required with TRIAGE_MODEL, or TRIAGE_BASE_URL for a model of your own"]
    : [];
}
