import {
  type Answer,
  field,
  type Receiver,
  type RecordedRequest,
  startReceiver,
} from "./receiver.ts";

/** What the model says next: a text, or calls of tools that were offered to it. */
export type ModelReply =
  | string
  | { readonly calls: readonly { readonly name: string; readonly input: unknown }[] };

/** A model behind OpenAI's chat completions, on loopback. Routes: `chat`, `models`. */
export interface FakeModel extends Receiver {
  /** For `TRIAGE_BASE_URL`. */
  readonly baseUrl: string;
  /** Replies after those that wait; the last one is given again and again. */
  reply(...replies: readonly ModelReply[]): void;
}

export interface FakeModelOptions {
  /** Wanted as a bearer token. Default: none is. */
  readonly apiKey?: string;
  readonly port?: number;
}

/** Starts it with a model that has nothing to say. */
export async function startFakeModel(options: FakeModelOptions = {}): Promise<FakeModel> {
  const { apiKey, port } = options;
  const replies: ModelReply[] = [];
  let asked = 0;
  const receiver = await startReceiver({
    ...(port === undefined ? {} : { port }),
    routeOf: ({ path }) => (path === "/v1/chat/completions" ? "chat" : path),
    handle(request) {
      if (apiKey !== undefined && request.headers["authorization"] !== `Bearer ${apiKey}`) {
        return { status: 401, body: { error: { message: "Incorrect API key provided" } } };
      }
      if (request.route !== "chat") return { status: 404, body: { error: { message: "unknown" } } };
      const reply = (replies.length > 1 ? replies.shift() : replies[0]) ?? "";
      asked += 1;
      return completion(request, reply, asked);
    },
  });
  return {
    ...receiver,
    baseUrl: `${receiver.url}/v1`,
    reply: (...more) => {
      replies.push(...more);
    },
  };
}

/** Refuses what a real endpoint refuses: no model, no messages, a tool that was never offered. */
function completion(request: RecordedRequest, reply: ModelReply, asked: number): Answer {
  const model = field(request.body, "model");
  const messages = field(request.body, "messages");
  if (typeof model !== "string" || !Array.isArray(messages) || messages.length === 0) {
    return { status: 400, body: { error: { message: "model and messages are required" } } };
  }
  const message =
    typeof reply === "string"
      ? { role: "assistant", content: reply }
      : {
          role: "assistant",
          content: null,
          tool_calls: reply.calls.map(({ name, input }, index) => ({
            id: `call_${asked}_${index}`,
            type: "function",
            function: { name, arguments: JSON.stringify(input) },
          })),
        };
  const body = {
    id: `chatcmpl-${asked}`,
    object: "chat.completion",
    created: 1_795_356_130,
    model,
    choices: [
      { index: 0, message, finish_reason: typeof reply === "string" ? "stop" : "tool_calls" },
    ],
    usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 },
  };
  return { status: 200, body };
}
