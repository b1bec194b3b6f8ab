import { type Channel, DEFAULT_TIMINGS, guarded, SENT_NOTHING } from "../channel.ts";
import { renderConsole } from "./render.ts";

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
  return {
    name,
    kind: "console",
    send: guarded(async (task, signal) => {
      if (task.action === "edit") return SENT_NOTHING;
      if (signal.aborted) return { kind: "retry", reason: "aborted", afterMs: null };
      const card = renderConsole(task, { color });
      try {
        await write(card);
      } catch {
        return { kind: "retry", reason: "terminal_unwritable", afterMs: null };
      }
      return { kind: "sent", receipt: { printed: "true" } };
    }, DEFAULT_TIMINGS),
  };
}
