import {
  type Argument,
  DEPTH_MAX,
  hasHoleInKey,
  holesOf,
  PLACEHOLDERS,
  TEXT_CHARS_MAX,
  TEXT_FORMATS,
} from "@tracer/notify";
import { z } from "zod";
import { nearest } from "./nearest.ts";

const TEXT_CHARS_MIN = 100;
const KEPT_MAX = 20;
const ARGUMENTS_CHARS_MAX = 20_000;

/** A tool's name is never made of an incident's text. */
export const slug = z
  .string("must be the name of a tool")
  .regex(/^[A-Z0-9_]{1,200}$/, "must be the name of a tool, such as JIRA_CREATE_ISSUE");

const AnyArgument: z.ZodType<Argument> = z.lazy(() =>
  z.union(
    [
      z.string(),
      z.number(),
      z.boolean(),
      z.null(),
      z.array(AnyArgument),
      z.record(z.string(), AnyArgument),
    ],
    "must be text, a number, true, false, a list or a mapping",
  ),
);

/** Deep nesting is refused before it is walked. */
const Arguments = z
  .custom<unknown>((given) => isShallow(given, DEPTH_MAX), `is nested deeper than ${DEPTH_MAX}`)
  .pipe(z.record(z.string(), AnyArgument))
  .refine((given) => JSON.stringify(given).length <= ARGUMENTS_CHARS_MAX, "is too long")
  .refine((given) => !hasHoleInKey(given), "must have no {{…}} in its keys")
  .superRefine((given, context) => {
    for (const hole of holesOf(given)) {
      if (hole.startsWith("kept.") || PLACEHOLDERS.some((name) => name === hole)) continue;
      const meant = nearest(hole, PLACEHOLDERS);
      const hint =
        meant === null ? `there are ${PLACEHOLDERS.join(", ")}` : `did you mean ${meant}?`;
      context.addIssue({ code: "custom", message: `there is no {{${hole}}}; ${hint}` });
    }
  });

const Call = z.strictObject({ tool: slug, arguments: Arguments });

/** What a channel of kind composio-tool has beside its connection. */
export const ToolEntry = {
  open: Call,
  update: Call.optional(),
  resolve: Call.optional(),
  /** Name after `kept.` → where in the answer to `open`. */
  keep: z
    .record(
      z.string().regex(/^[a-z_]{1,40}$/, "must be small letters and _"),
      z.string().regex(/^[\w.-]{1,200}$/, "must be a path such as issue.key"),
    )
    .refine((all) => Object.keys(all).length <= KEPT_MAX, `has more than ${KEPT_MAX}`)
    .optional(),
  format: z.enum(TEXT_FORMATS).optional(),
  text_max: z
    .number("must be a number of characters")
    .int()
    .min(TEXT_CHARS_MIN, `must be at least ${TEXT_CHARS_MIN}`)
    .max(TEXT_CHARS_MAX, `must be at most ${TEXT_CHARS_MAX}`)
    .optional(),
} as const;

function isShallow(value: unknown, depthLeft: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (depthLeft === 0) return false;
  return Object.values(value).every((each) => isShallow(each, depthLeft - 1));
}
