import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** A request as it came in. `body` is the JSON of it, or its form fields, or undefined. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  /** The receiver's name for what was asked, such as `chat.postMessage`. Faults are set by it. */
  readonly route: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly body: unknown;
}

/** What a receiver answers: a string goes out as text, anything else as JSON. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** Something that goes wrong with the next requests of a route. */
export interface Fault {
  readonly route: string;
  /** Narrows it to some of the route's requests. */
  readonly match?: (request: RecordedRequest) => boolean;
  /** Before or after the request had its effect. */
  readonly when: "before" | "after";
  /** How many requests it hits. Default 1. */
  readonly times?: number;
  /** Answers with this status. */
  readonly status?: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Cuts the connection instead of answering. */
  readonly drop?: boolean;
  /** Holds the request back; with neither `status` nor `drop` it is then answered as always. */
  readonly delayMs?: number;
}

/** A provider on loopback, that remembers everything it was asked. */
export interface Receiver extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string;
  readonly requests: readonly RecordedRequest[];
  fail(fault: Fault): void;
  /** Resolves once the predicate holds, which is looked at after every request. Default 10,000 ms. */
  waitFor(predicate: () => boolean, timeoutMs?: number): Promise<void>;
}

export interface ReceiverOptions {
  readonly routeOf: (request: { readonly method: string; readonly path: string }) => string;
  /** Has the effect of a request and says what to answer. */
  readonly handle: (request: RecordedRequest) => Answer;
  /** Default 0: any free port. */
  readonly port?: number;
}

const BODY_BYTES_MAX = 16 * 1024 * 1024;

export async function startReceiver(options: ReceiverOptions): Promise<Receiver> {
  const requests: RecordedRequest[] = [];
  const faults: { fault: Fault; left: number }[] = [];
  const waiting = new Set<() => void>();
  const timers = new Set<NodeJS.Timeout>();
  const takeFault = (request: RecordedRequest) => {
    const hit = faults.find(
      ({ fault, left }) =>
        left > 0 && fault.route === request.route && (fault.match?.(request) ?? true),
    );
    if (hit !== undefined) hit.left -= 1;
    return hit?.fault ?? null;
  };
  const serve = async (incoming: IncomingMessage, response: ServerResponse) => {
    const request = await readRequest(incoming, options.routeOf);
    requests.push(request);
    const fault = takeFault(request);
    const effect = fault?.when !== "before" || isOnlyDelay(fault);
    if (fault?.when === "before") await wait(fault.delayMs ?? 0, timers);
    const answer = effect ? options.handle(request) : null;
    for (const look of waiting) look();
    if (fault?.when === "after") await wait(fault.delayMs ?? 0, timers);
    if (fault?.drop === true) incoming.socket.destroy();
    else write(response, answerOf(fault, answer));
  };
  const server = createServer((incoming, response) => {
    serve(incoming, response).catch(() => incoming.socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    fail: (fault) => {
      faults.push({ fault, left: fault.times ?? 1 });
    },
    waitFor: (predicate, timeoutMs = 10_000) =>
      waitUntil(predicate, { timeoutMs, waiting, requests }),
    async [Symbol.asyncDispose]() {
      for (const timer of timers) clearTimeout(timer);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The text of a field of an unknown value; "" when it has none. */
export function textField(value: unknown, name: string): string {
  const found = field(value, name);
  return typeof found === "string" ? found : "";
}

/** A field of an unknown value; undefined when it has none. */
export function field(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}

function isOnlyDelay(fault: Fault): boolean {
  return fault.status === undefined && fault.drop !== true;
}

function answerOf(fault: Fault | null, answer: Answer | null): Answer {
  if (fault?.status === undefined) return answer ?? { status: 500, body: "" };
  const headers = { headers: fault.headers ?? {} };
  return { status: fault.status, body: fault.body ?? { error: "fault" }, ...headers };
}

function write(response: ServerResponse, { status, headers, body }: Answer): void {
  if (response.destroyed) return;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const type = typeof body === "string" ? "text/plain" : "application/json; charset=utf-8";
  response.writeHead(status, { "content-type": type, ...headers });
  response.end(text);
}

async function readRequest(
  incoming: IncomingMessage,
  routeOf: ReceiverOptions["routeOf"],
): Promise<RecordedRequest> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming) {
    const part = Buffer.from(chunk);
    bytes += part.byteLength;
    if (bytes > BODY_BYTES_MAX) throw new Error("The body is too large.");
    chunks.push(part);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  const url = new URL(incoming.url ?? "/", "http://127.0.0.1");
  const method = incoming.method ?? "GET";
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]);
  return {
    method,
    path: url.pathname,
    route: routeOf({ method, path: url.pathname }),
    query: Object.fromEntries(url.searchParams),
    headers: Object.fromEntries(headers),
    text,
    body: bodyOf(text, incoming.headers["content-type"] ?? ""),
  };
}

function bodyOf(text: string, contentType: string): unknown {
  if (text === "") return undefined;
  if (contentType.startsWith("application/x-www-form-urlencoded")) {
    return Object.fromEntries(new URLSearchParams(text));
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function wait(ms: number, timers: Set<NodeJS.Timeout>): Promise<void> {
  if (ms <= 0) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      resolve();
    }, ms);
    timers.add(timer);
  });
}

interface WaitOptions {
  readonly timeoutMs: number;
  readonly waiting: Set<() => void>;
  readonly requests: readonly RecordedRequest[];
}

function waitUntil(predicate: () => boolean, options: WaitOptions): Promise<void> {
  const { timeoutMs, waiting, requests } = options;
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      clearTimeout(timer);
      waiting.delete(look);
      settle();
    };
    const look = () => {
      try {
        if (predicate()) end(resolve);
      } catch (error) {
        end(() => reject(error));
      }
    };
    const timer = setTimeout(() => {
      const routes = requests.map((request) => request.route).join(", ") || "nothing";
      end(() => reject(new Error(`Not within ${timeoutMs} ms; asked for: ${routes}`)));
    }, timeoutMs);
    waiting.add(look);
    look();
  });
}
