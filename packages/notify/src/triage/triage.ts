import type { Incident, TriageNote } from "@tracer/core";
import type { LanguageModel } from "ai";
import { within } from "../channel.ts";
import { Answer, noteOf } from "./note.ts";
import { INSTRUCTIONS, triagePrompt } from "./prompt.ts";

/** A model that has not answered by then is not waited for any longer. */
export const TRIAGE_DEADLINE_MS = 8_000;
/** Room for models that think before they answer; an answer itself is a tenth of it. */
const OUTPUT_TOKENS_MAX = 2_000;

export interface TriageOptions {
  readonly model: LanguageModel;
  /** As the note names it. */
  readonly modelName: string;
  /** Default TRIAGE_DEADLINE_MS. */
  readonly deadlineMs?: number;
}

export type TriageResult =
  | { readonly kind: "noted"; readonly note: TriageNote }
  | { readonly kind: "timeout" }
  /** It answered, and not what it was asked for. */
  | { readonly kind: "invalid" }
  | { readonly kind: "failed"; readonly reason: string };

/**
 * Asks a model what an incident may be about: one request, no tools, no second try. Every end is a result:
 * an alert waits for none of them.
 */
export async function triage(
  incident: Incident,
  { model, modelName, deadlineMs = TRIAGE_DEADLINE_MS }: TriageOptions,
  signal: AbortSignal,
): Promise<TriageResult> {
  const { generateText, NoObjectGeneratedError, NoOutputGeneratedError, Output } = await import(
    "ai"
  );
  const deadline = within(deadlineMs, signal);
  const aborted = new Promise<never>((_, reject) => {
    deadline.addEventListener("abort", () => reject(deadline.reason), { once: true });
  });
  aborted.catch(() => {}); // Nobody waits for it any more when the answer is there.
  try {
    deadline.throwIfAborted();
    const asked = generateText({
      model,
      instructions: INSTRUCTIONS,
      prompt: triagePrompt(incident),
      output: Output.object({ schema: Answer }),
      maxRetries: 0,
      maxOutputTokens: OUTPUT_TOKENS_MAX,
      abortSignal: deadline,
    });
    // A client that does not listen to its signal must not keep us either.
    const { output } = await Promise.race([asked, aborted]);
    const note = noteOf(output, modelName);
    return note === null ? { kind: "invalid" } : { kind: "noted", note };
  } catch (error) {
    if (deadline.aborted) {
      return signal.aborted ? { kind: "failed", reason: "stopped" } : { kind: "timeout" };
    }
    if (NoObjectGeneratedError.isInstance(error) || NoOutputGeneratedError.isInstance(error)) {
      return { kind: "invalid" };
    }
    return { kind: "failed", reason: reasonOf(error) };
  }
}

/** Never the message: it may hold what was sent. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const status = "statusCode" in error ? error.statusCode : undefined;
  return typeof status === "number" ? `http_${status}` : error.name.slice(0, 60);
}
