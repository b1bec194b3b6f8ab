import type { Verdict } from "@tracer/core";
import { type Channel, DEFAULT_TIMINGS, guarded, SENT_NOTHING } from "../channel.ts";
import { renderConsole, renderConsoleDigest, renderConsoleNotice } from "./render.ts";

export interface ConsoleChannelOptions {
  readonly name?: string;
  /** Takes a whole card, ending in a line break. */
  readonly write: (text: string) => unknown;
  /** Colours by ANSI codes. Default false. */
  readonly color?: boolean;
}

/** Prints alerts as cards. What is printed cannot be edited, so edits are skipped. */
export function consoleChannel(options: ConsoleChannelOptions): Channel {
  const { name = "console", write, color = false } = options;
  const print = async (
    card: string,
    receipt: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Verdict> => {
    if (signal.aborted) return { kind: "retry", reason: "aborted", afterMs: null };
    try {
      await write(card);
    } catch {
      return { kind: "retry", reason: "terminal_unwritable", afterMs: null };
    }
    return { kind: "sent", receipt };
  };
  return {
    name,
    kind: "console",
    ownAlone: false,
    send: guarded(async (task, signal) => {
      if (task.action === "edit") return SENT_NOTHING;
      return print(renderConsole(task, { color }), { printed: "true" }, signal);
    }, DEFAULT_TIMINGS),
    sendDigest: guarded(
      (task, signal) =>
        print(renderConsoleDigest(task, { color }), { printed: "true", digest: task.id }, signal),
      DEFAULT_TIMINGS,
    ),
    sendNotice: guarded(
      (notice, signal) =>
        print(renderConsoleNotice(notice, { color }), { printed: "true" }, signal),
      DEFAULT_TIMINGS,
    ),
  };
}
