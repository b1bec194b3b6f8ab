import { Writable } from "node:stream";
import { clip } from "@tracer/core";
import type { CommandContext } from "../commands/context.ts";
import { Exit } from "../exit.ts";

/** Of one answer, in UTF-16 units: whoever asks pays for what it reads. */
export const RESULT_CHARS_MAX = 40_000;

/** What a tool answers. */
export interface ToolResult {
  readonly text: string;
  readonly isError: boolean;
}

type Run = (context: CommandContext) => Promise<Exit>;

/** Runs a command as if for a terminal, and gives back what it printed. It never throws. */
export async function captured(context: CommandContext, run: Run): Promise<ToolResult> {
  const stdout = new Collected();
  const stderr = new Collected();
  try {
    const exit = await run({ ...context, stdin: nothing(), stdout, stderr, color: () => false });
    if (exit === Exit.ok) return { text: clipped(stdout.text), isError: false };
    return { text: clipped(`${stderr.text}${stdout.text}`), isError: true };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { text: clipped(reason), isError: true };
  }
}

function clipped(text: string): string {
  if (text.length <= RESULT_CHARS_MAX) return text;
  const note = "\n(cut here: ask for less)";
  return `${clip(text, RESULT_CHARS_MAX - note.length)}${note}`;
}

class Collected extends Writable {
  text = "";

  override _write(chunk: unknown, _encoding: string, done: () => void): void {
    if (this.text.length <= RESULT_CHARS_MAX) this.text += String(chunk);
    done();
  }
}

async function* nothing(): AsyncGenerator<never> {}
