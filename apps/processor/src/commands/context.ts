import type { WriteStream } from "node:tty";

/** What a command may touch of the process it runs in. */
export interface CommandContext {
  readonly environment: NodeJS.ProcessEnv;
  readonly version: string;
  readonly stdin: AsyncIterable<unknown>;
  readonly stdout: NodeJS.WritableStream & Partial<Pick<WriteStream, "isTTY" | "columns">>;
  readonly stderr: NodeJS.WritableStream & Partial<Pick<WriteStream, "isTTY" | "columns">>;
  /** Aborted by the first SIGTERM or SIGINT, and for all but `start` when nobody reads the output. */
  readonly stop: AbortSignal;
  /** Calls the listener on each SIGHUP. Not on a terminal: there it says that the terminal was closed. */
  readonly onReload: (listener: () => void) => void;
  /** True when a stream may be coloured: a terminal, and NO_COLOR is not set. */
  readonly color: (stream: { isTTY?: boolean }) => boolean;
}
