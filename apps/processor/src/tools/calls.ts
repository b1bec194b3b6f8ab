import type { ToolResult } from "./captured.ts";

/** Calls of tools in hand; beyond it they are refused. */
export const CALLS_MAX = 16;

/** The calls in hand, of one client. */
export class Calls {
  readonly #running = new Set<Promise<unknown>>();

  async run(call: () => Promise<ToolResult>): Promise<ToolResult> {
    if (this.#running.size >= CALLS_MAX) {
      return { text: `There are ${CALLS_MAX} calls in hand already: ask again.`, isError: true };
    }
    const running = Promise.resolve().then(call); // Its own, whatever the call gives back.
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.#running);
    await new Promise((resolve) => setImmediate(resolve)); // The last answers are written by then.
  }
}
