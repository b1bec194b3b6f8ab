import { clip, flatten } from "@tracer/core";
import { openMcpSession, openModel } from "@tracer/notify";
import type { ToolSet } from "ai";
import { type Config, readConfig } from "../config.ts";
import { Exit } from "../exit.ts";
import { answerOf, modelTools } from "../tools/answer.ts";
import { openComposioTools } from "../tools/composio-tools.ts";
import { tracerTools } from "../tools/tools.ts";
import type { CommandContext } from "./context.ts";

export interface AskArgs {
  readonly words?: readonly string[];
  readonly json?: boolean;
  readonly allowWrites?: boolean;
}

const QUESTION_CHARS_MAX = 4_000;
const ANSWER_LINE_CHARS_MAX = 2_000;
/** For the whole of it; a step that hangs must not hang the terminal. */
const ANSWER_MS_MAX = 180_000;

/**
 * Lets a model answer a person's question: it may look into the running Tracer, and use the tools of the person's own
 * Composio account. 78 without TRIAGE_MODEL and COMPOSIO_API_KEY; 69 when the model does not answer.
 */
export async function ask(context: CommandContext, args: AskArgs): Promise<Exit> {
  const { environment, stdout, stderr } = context;
  const { words = [], json = false, allowWrites = false } = args;
  const config = readConfig(environment);
  const missing = missingOf(config);
  if (missing !== null) {
    stderr.write(`${missing}\n`);
    return Exit.configuration;
  }
  const question = words.join(" ").trim();
  if (question === "" || question.length > QUESTION_CHARS_MAX) {
    stderr.write(`A question has 1 to ${QUESTION_CHARS_MAX} characters.\n`);
    return Exit.usage;
  }
  const looks: { tool: string; input: unknown }[] = [];
  const onLook = (tool: string, input: unknown) => {
    looks.push({ tool, input });
    stderr.write(`› ${plain(`${tool} ${JSON.stringify(input)}`, 200)}\n`);
  };
  const text = await answered(context, config, { question, onLook, allowWrites });
  if (text === null) return Exit.unavailable;
  const answer = text
    .split(/\r\n|\n/u)
    .map((line) => plain(line, ANSWER_LINE_CHARS_MAX))
    .join("\n");
  stdout.write(json ? `${JSON.stringify({ answer, looks }, null, 2)}\n` : `${answer.trim()}\n`);
  return Exit.ok;
}

function missingOf({ triage, composio }: Config): string | null {
  const keys = [
    triage === null ? "TRIAGE_MODEL" : null,
    composio === null ? "COMPOSIO_API_KEY" : null,
  ].filter((key) => key !== null);
  return keys.length === 0 ? null : `Set ${keys.join(" and ")} first: without it nothing is asked.`;
}

interface Asked {
  readonly question: string;
  readonly onLook: (tool: string, input: unknown) => void;
  readonly allowWrites: boolean;
}

/** Null when there is no answer, and why has been said. */
async function answered(
  context: CommandContext,
  { triage, composio }: Config,
  { question, onLook, allowWrites }: Asked,
): Promise<string | null> {
  const { stderr, stop } = context;
  if (triage === null || composio === null) return null;
  const signal = AbortSignal.any([stop, AbortSignal.timeout(ANSWER_MS_MAX)]);
  await using stack = new AsyncDisposableStack();
  const own = modelTools(tracerTools({ context, filesFolder: ".", allowWrites: false }));
  let theirs: ToolSet = {};
  const opened = await openMcpSession({ ...composio, allowWrites }, signal);
  if (opened.kind === "failed") {
    stderr.write(`Without the tools of Composio: ${plain(opened.reason, 200)}.\n`);
  } else {
    stack.defer(opened.session.end);
    try {
      theirs = stack.use(await openComposioTools(opened.session, signal)).tools;
    } catch {
      stderr.write("Without the tools of Composio: they could not be listed.\n");
    }
  }
  try {
    const model = await openModel(triage);
    const tools = { ...theirs, ...own };
    const text = await answerOf({ question, model, tools, onLook, signal });
    if (text.trim() !== "") return text;
    stderr.write(`The model ${plain(triage.model, 100)} did not answer: it had only questions.\n`);
    return null;
  } catch (error) {
    const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
    const reason = signal.aborted ? "in time" : `(${status ?? nameOf(error)})`;
    stderr.write(`The model ${plain(triage.model, 100)} did not answer ${reason}.\n`);
    return null;
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "unknown";
}

/** What a model says goes to a terminal: it must not steer it. */
function plain(text: string, charsMax: number): string {
  return clip(flatten(text), charsMax);
}
