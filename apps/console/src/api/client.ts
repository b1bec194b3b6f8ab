/** An answer of the API that is not a success. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface Api {
  /** The JSON of one route, named from the page's root, without a slash before it. Throws ApiError, or what fetch throws. */
  readonly get: <Answer>(path: string) => Promise<Answer>;
  readonly send: <Answer>(
    method: "POST" | "DELETE",
    path: string,
    body?: unknown,
  ) => Promise<Answer>;
  /** An answer as it comes, for streams. */
  readonly open: (path: string, init: RequestInit) => Promise<Response>;
}

const ANSWER_TIMEOUT_MS = 15_000;

/** @param root where Tracer's own paths begin, with a slash at the end */
export function createApi(root: string): Api {
  const open = async (path: string, init: RequestInit) => {
    const response = await fetch(root + path, {
      cache: "no-store",
      credentials: "same-origin",
      ...init,
    });
    if (!response.ok) throw await failureOf(response);
    return response;
  };
  const ask = async (path: string, init: RequestInit) => {
    const response = await open(path, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS), ...init });
    return response.status === 204 ? null : response.json();
  };
  return {
    open,
    get: (path) => ask(path, { headers: { accept: "application/json" } }),
    send: (method, path, body) =>
      ask(path, {
        method,
        headers: {
          accept: "application/json",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
  };
}

async function failureOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const said = (name: string) => {
    if (typeof body !== "object" || body === null) return "";
    const value: unknown = Object.entries(body).find(([key]) => key === name)?.[1];
    return typeof value === "string" ? value : "";
  };
  const message = said("message") || `The answer was ${response.status}.`;
  return new ApiError(response.status, said("code"), message);
}

/** What to tell a person of a failed call. */
export function reasonOf(error: unknown): string {
  return error instanceof ApiError ? error.message : "Tracer does not answer.";
}
