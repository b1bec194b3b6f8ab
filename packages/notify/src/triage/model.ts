import type { LanguageModel } from "ai";

export interface ModelOptions {
  /** As the endpoint names it, such as `qwen3:8b`; for the AI Gateway with its maker, such as `openai/gpt-5-mini`. */
  readonly model: string;
  /** Of any API that speaks OpenAI's chat completions, with its `/v1`; null: the AI Gateway of the `ai` package. */
  readonly baseUrl: string | null;
  /** Null: none is sent. The AI Gateway needs one. */
  readonly apiKey: string | null;
}

/** Opens a model, and makes no request yet. The packages for it are loaded here, and not before. */
export async function openModel({ model, baseUrl, apiKey }: ModelOptions): Promise<LanguageModel> {
  globalThis.AI_SDK_LOG_WARNINGS = false; // They would go to stderr, among our own lines.
  const key = apiKey === null ? {} : { apiKey };
  if (baseUrl === null) {
    const { createGateway } = await import("ai");
    return createGateway({ ...key, fetch: fetchThere })(model);
  }
  const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
  const provider = createOpenAICompatible({
    ...{ name: "triage", baseURL: baseUrl, ...key, fetch: fetchThere },
    supportsStructuredOutputs: true,
  });
  return provider(model);
}

/** Goes where it was told to and nowhere else: what is asked holds log lines. */
function fetchThere(
  input: Parameters<typeof fetch>[0],
  init?: Parameters<typeof fetch>[1],
): Promise<Response> {
  return fetch(input, { ...init, redirect: "error" });
}
