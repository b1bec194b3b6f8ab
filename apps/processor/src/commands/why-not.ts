import { systemClock } from "@tracer/core";
import { z } from "zod";
import { type Config, readConfig } from "../config.ts";
import { answerText, WhyNotAnswer } from "../decisions/text.ts";
import { Exit } from "../exit.ts";
import type { CommandContext } from "./context.ts";
import { MOMENT_FORMS, parseMoment } from "./moment.ts";

export interface WhyNotArgs {
  readonly service?: string;
  readonly at?: string;
  readonly environment?: string;
  readonly kind?: string;
  readonly json?: boolean;
}

const ANSWER_MS_MAX = 15_000;
const Failure = z.object({ code: z.string(), message: z.string() });

/**
 * Asks the Tracer that runs at HOST and PORT why nothing fired, with TRACER_ADMIN_KEY when it is set. 69 when
 * none answers there, 2 when the question is none, 1 when it has no answer.
 */
export async function whyNot(context: CommandContext, args: WhyNotArgs): Promise<Exit> {
  const { stdout, stderr, environment, stop, color } = context;
  const { service = "", at = "", json = false } = args;
  const config = readConfig(environment);
  const atMs = parseMoment(at, systemClock.wallMs());
  if (atMs === null) {
    stderr.write(`--at '${at}' is not a time. It may be: ${MOMENT_FORMS}.\n`);
    return Exit.usage;
  }
  const base = `http://${reachable(config.host)}:${config.port}`;
  const query = new URLSearchParams({ at: new Date(atMs).toISOString() });
  if (args.environment !== undefined) query.set("environment", args.environment);
  if (args.kind !== undefined) query.set("kind", args.kind);
  const url = `${base}/api/v1/services/${encodeURIComponent(service)}/decisions?${query}`;
  const answer = await ask(url, config, stop);
  if (answer === null) {
    stderr.write(
      `No Tracer answers at ${base}. Start it with: tracer start; or set HOST and PORT to where it runs.\n`,
    );
    return Exit.unavailable;
  }
  if (answer.status !== 200) return refused(context, answer, config);
  if (json) {
    stdout.write(`${JSON.stringify(answer.body, null, 2)}\n`);
    return Exit.ok;
  }
  stdout.write(answerText(WhyNotAnswer.parse(answer.body), { color: color(stdout) }));
  return Exit.ok;
}

interface Answered {
  readonly status: number;
  /** Null when it is not JSON. */
  readonly body: unknown;
}

/** Null when nobody answers. */
async function ask(url: string, config: Config, stop: AbortSignal): Promise<Answered | null> {
  const { adminKey } = config;
  try {
    const response = await fetch(url, {
      headers: adminKey === null ? {} : { authorization: `Bearer ${adminKey}` },
      redirect: "manual",
      signal: AbortSignal.any([stop, AbortSignal.timeout(ANSWER_MS_MAX)]),
    });
    const text = await response.text();
    return { status: response.status, body: jsonOf(text) };
  } catch {
    return null;
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
    stderr.write(`${what} ${config.adminKey === null ? "to a key" : "a key"} that may read.\n`);
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
