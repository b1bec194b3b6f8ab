import { clip, flatten, redact, TRIAGE_CONFIDENCES, type TriageNote } from "@tracer/core";
import { z } from "zod";
import { unlink } from "../slack/escape.ts";

/** Of the summary and of the cause, in UTF-16 units; a line of them fits where a channel puts a short one. */
export const SENTENCE_CHARS_MAX = 280;
export const CHECK_CHARS_MAX = 120;
export const CHECKS_MAX = 3;
const MODEL_CHARS_MAX = 80;
const RAW_CHARS_MAX = 4_000;

/** What is asked for. Bounds stand in the words only: not every model's grammar knows them, and `noteOf` keeps them. */
export const Answer = z.object({
  summary: z.string().describe("What is going on, in one or two plain sentences."),
  likely_cause: z.string().describe("The most likely cause, in one sentence."),
  what_to_check: z.array(z.string()).describe("At most three short things to look at first."),
  confidence: z.enum(TRIAGE_CONFIDENCES),
});

/** A model's answer as text that may stand in an alert. Null: there is nothing in it. */
export function noteOf(answer: z.infer<typeof Answer>, model: string): TriageNote | null {
  const summary = modelText(answer.summary, SENTENCE_CHARS_MAX);
  if (summary === "") return null;
  return {
    summary,
    likelyCause: modelText(answer.likely_cause, SENTENCE_CHARS_MAX),
    checks: answer.what_to_check
      .map((check) => modelText(check, CHECK_CHARS_MAX))
      .filter((check) => check !== "")
      .slice(0, CHECKS_MAX),
    confidence: answer.confidence,
    model: modelText(model, MODEL_CHARS_MAX),
  };
}

/**
 * Text of a model that has read log lines, which may have told it what to say. As hostile as they are: a
 * link or a mention in it is broken, whatever a channel would make of it, and so is Markdown that hides one.
 */
export function modelText(text: string, charsMax: number): string {
  const flat = flatten(redact(flatten(text.slice(0, RAW_CHARS_MAX))));
  return clip(unlink(flat.replace(MARKDOWN_LINK, "$1").replace(/[<>]/gu, "")), charsMax);
}

/** `[label](where)`: the label. */
const MARKDOWN_LINK = /!?\[([^\][]*)\]\([^)]*\)/gu;

/** A note as lines of an alert. */
export function triageLines(note: TriageNote | undefined): string[] {
  if (note === undefined) return [];
  const lines = [`Model's guess (${note.confidence} confidence): ${note.summary}`];
  if (note.likelyCause !== "") lines.push(`Likely cause: ${note.likelyCause}`);
  if (note.checks.length > 0) lines.push(`To check: ${note.checks.join(" · ")}`);
  return lines;
}
