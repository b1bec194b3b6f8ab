import { z } from "zod";
import { type Config, readConfig } from "../config.ts";
import { Exit } from "../exit.ts";
import type { CommandContext } from "./context.ts";

const ANSWER_MS_MAX = 15_000;
const Failure = z.object({ code: z.string(), message: z.string() });

export interface ApiRequest {
  /** With its query, such as `/api/v1/silences?state=all`. */
  readonly path: string;
  /** Default GET. */
  readonly method?: "GET" | "POST" | "DELETE";
  /** Sent as JSON. */
  readonly body?: unknown;
  /** How long an answer is waited for, default 15 s. */
  readonly answerMsMax?: number;
  /** True: the caller has another way when nobody answers, and says what is to be said. */
  readonly quietlyUnavailable?: boolean;
}

/** What came back, or the exit code after the reason has been written to stderr. */
export type ApiResult = { readonly body: unknown } | { readonly exit: Exit };

interface Answered {
  readonly status: number;
  /** Null when it is not JSON. */
  readonly body: unknown;
}

/** Nobody listens there, or somebody does and takes too long. */
type Silent = "nobody" | "slow";

/**
 * Asks the Tracer that runs at HOST and PORT, with TRACER_ADMIN_KEY when it is set. 69 when none answers
 * there, or not within 15 s; 2 when it takes the request for a wrong one, 1 when it refuses.
 */
export async function askTracer(context: CommandContext, request: ApiRequest): Promise<ApiResult> {
  const { stderr, environment, stop } = context;
  const config = readConfig(environment);
  const base = `http://${reachable(config.host)}:${config.port}`;
  const answer = await send(base, request, config, stop);
  if (typeof answer === "string") {
    const isQuiet = request.quietlyUnavailable === true && answer === "nobody";
    if (!isQuiet) stderr.write(silenceText(answer, base));
    if (answer === "slow" && request.quietlyUnavailable === true) return { exit: Exit.failed };
    return { exit: Exit.unavailable };
  }
  if (answer.status >= 200 && answer.status < 300) return { body: answer.body };
  return { exit: refused(context, answer, config) };
}

function silenceText(silent: Silent, base: string): string {
  return silent === "nobody"
    ? `No Tracer answers at ${base}. Start it with: tracer start; or set HOST and PORT to where it runs.\n`
    : `The answer of ${base} takes too long. It may be busy, and what was asked may have been done all the same.\n`;
}

async function send(
  base: string,
  { path, method = "GET", body, answerMsMax = ANSWER_MS_MAX }: ApiRequest,
  { adminKey }: Config,
  stop: AbortSignal,
): Promise<Answered | Silent> {
  const late = AbortSignal.timeout(answerMsMax);
  try {
    const response = await fetch(`${base}${path}`, {
      method,
      headers: {
        ...(adminKey === null ? {} : { authorization: `Bearer ${adminKey}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: "manual",
      signal: AbortSignal.any([stop, late]),
    });
    const text = await response.text();
    return { status: response.status, body: jsonOf(text) };
  } catch {
    return late.aborted ? "slow" : "nobody";
  }
}

function refused({ stderr }: CommandContext, { status, body }: Answered, config: Config): Exit {
  const failure = Failure.safeParse(body);
  const said = failure.success
    ? `${failure.data.code}: ${failure.data.message}`
    : `The answer is none of Tracer's (HTTP ${status}): is something else listening there?`;
  stderr.write(`${said}\n`);
  if (status === 401 || status === 403) {
    const what = config.adminKey === null ? "Set TRACER_ADMIN_KEY" : "TRACER_ADMIN_KEY is not";
    stderr.write(`${what} ${config.adminKey === null ? "to a key" : "a key"} that may do this.\n`);
  }
  if (status === 503) return Exit.unavailable;
  return status === 400 ? Exit.usage : Exit.failed;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Where a server that listens on `host` can be reached from this machine. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  const bare = host.replace(/^\[|\]$/g, "");
  if (bare === "::") return "[::1]";
  return bare.includes(":") ? `[${bare}]` : bare;
}
