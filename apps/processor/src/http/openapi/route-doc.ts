import type { z } from "zod";

export const TAGS = {
  ingest: "Log records and metrics, in the words of many clients.",
  incidents: "What is wrong, and what was told of it.",
  services: "What is watched, and why it does or does not alert.",
  operate: "Silences, deploys and channels.",
  administer: "Keys, sessions and the record of acts.",
  health: "Whether it lives, what it is and how it does.",
  pages: "For people.",
} as const;

/** What a route takes or gives. No schema: text or bytes of that type. Neither: no body. */
export interface ContentDoc {
  readonly description?: string;
  readonly schema?: z.ZodType;
  /** Default `application/json` where there is a schema. */
  readonly type?: string | readonly string[];
}

/** What a route is documented by. Its `scope` and `keyInQuery` are read from its config. */
export interface RouteDoc {
  readonly tag: keyof typeof TAGS;
  /** One line. */
  readonly summary: string;
  readonly description?: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: ContentDoc;
  /** By status; what else it may answer is `failure`. */
  readonly answers: Readonly<Record<number, ContentDoc>>;
  /** How it says what went wrong; default: `{"code","message"}`. */
  readonly failure?: ContentDoc;
}
