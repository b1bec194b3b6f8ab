import { type Api, ApiError } from "./client.ts";

export interface StreamEvent {
  readonly event: string;
  readonly data: string;
  readonly id: string | null;
}

export type StreamState = "live" | "reconnecting";

export interface FollowOptions {
  readonly api: Api;
  readonly onEvent: (event: StreamEvent) => void;
  readonly onState: (state: StreamState) => void;
  readonly stop: AbortSignal;
}

/** A stream whose event is larger than this is broken. */
export const EVENT_CHARACTERS_MAX = 1_000_000;
/** Counts come each second: a stream that is silent for this long is taken for broken. */
const STREAM_SILENCE_MS = 8_000;
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 10_000;

/**
 * Follows the event stream until `stop`, opening it again from the last event whenever it breaks. Ends early, with
 * the error, only when the API asks for a key.
 */
export async function follow(options: FollowOptions): Promise<ApiError | null> {
  const { onState, stop } = options;
  const held = { lastId: "", failures: 0 };
  while (!stop.aborted) {
    const refused = await attempt(options, held);
    if (refused !== null) return refused;
    if (stop.aborted) break;
    held.failures += 1;
    onState("reconnecting");
    const ceiling = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** (held.failures - 1));
    await pause(ceiling * (0.5 + Math.random() / 2), stop);
  }
  return null;
}

async function attempt(
  { api, onEvent, onState, stop }: FollowOptions,
  held: { lastId: string; failures: number },
): Promise<ApiError | null> {
  const broken = new AbortController();
  let watchdog = setTimeout(() => broken.abort(), STREAM_SILENCE_MS);
  const alive = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => broken.abort(), STREAM_SILENCE_MS);
  };
  try {
    const response = await api.open("api/v1/events", {
      headers: {
        accept: "text/event-stream",
        ...(held.lastId === "" ? {} : { "last-event-id": held.lastId }),
      },
      signal: AbortSignal.any([broken.signal, stop]),
    });
    if (response.body === null) return null;
    let isFirst = true;
    await read(response.body, alive, (event) => {
      if (isFirst) onState("live");
      isFirst = false;
      held.failures = 0;
      if (event.id !== null) held.lastId = event.id;
      onEvent(event);
    });
  } catch (error) {
    if (error instanceof ApiError && (error.status === 401 || error.status === 403)) return error;
  } finally {
    clearTimeout(watchdog);
    broken.abort();
  }
  return null;
}

async function read(
  body: ReadableStream<Uint8Array>,
  alive: () => void,
  onEvent: (event: StreamEvent) => void,
): Promise<void> {
  const parser = createEventParser();
  const decoder = new TextDecoder();
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    alive();
    for (const event of parser.feed(decoder.decode(value, { stream: true }))) onEvent(event);
  }
}

function pause(milliseconds: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    stop.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/**
 * Splits a server-sent event stream into events. Comments and unknown fields are skipped; throws when one
 * event grows beyond its bound.
 */
export function createEventParser(): { readonly feed: (chunk: string) => StreamEvent[] } {
  let rest = "";
  const feed = (chunk: string) => {
    // A chunk may end between CR and LF: a last CR waits for what follows it.
    const text = rest + chunk;
    const heldBack = text.endsWith("\r") ? "\r" : "";
    const lines = text.slice(0, text.length - heldBack.length).replace(/\r\n?/g, "\n");
    const blocks = lines.split("\n\n");
    rest = (blocks.pop() ?? "") + heldBack;
    if (rest.length > EVENT_CHARACTERS_MAX) throw new Error("an event of the stream is too large");
    return blocks.map(parseBlock).filter((event) => event !== null);
  };
  return { feed };
}

function parseBlock(block: string): StreamEvent | null {
  let event = "message";
  let id: string | null = null;
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon === 0) continue;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") event = value;
    else if (field === "data") data.push(value);
    else if (field === "id") id = value;
  }
  return data.length === 0 ? null : { event, data: data.join("\n"), id };
}
