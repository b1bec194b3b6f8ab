import { TracerError } from "@tracer/core";
import type { z } from "zod";

/** Unknown input through its schema. Throws INPUT_INVALID that names each field and what it must be. */
export function parseInput<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
): z.infer<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const details = parsed.error.issues.map((issue) => ({
    field: issue.path.join("."),
    reason: issue.message,
  }));
  const [first] = details;
  throw new TracerError("INPUT_INVALID", `${first?.field || "input"}: ${first?.reason}`, {
    details,
  });
}
