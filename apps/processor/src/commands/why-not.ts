import { systemClock } from "@tracer/core";
import { answerText, WhyNotAnswer } from "../decisions/text.ts";
import { Exit } from "../exit.ts";
import { askTracer } from "./api-client.ts";
import type { CommandContext } from "./context.ts";
import { MOMENT_FORMS, parseMoment } from "./moment.ts";

export interface WhyNotArgs {
  readonly service?: string;
  readonly at?: string;
  readonly environment?: string;
  readonly kind?: string;
  readonly json?: boolean;
}

/**
 * Asks the Tracer that runs at HOST and PORT why nothing fired, with TRACER_ADMIN_KEY when it is set. 69 when
 * none answers there, 2 when the question is none, 1 when it has no answer.
 */
export async function whyNot(context: CommandContext, args: WhyNotArgs): Promise<Exit> {
  const { stdout, stderr, color } = context;
  const { service = "", at = "", json = false } = args;
  const atMs = parseMoment(at, systemClock.wallMs());
  if (atMs === null) {
    stderr.write(`--at '${at}' is not a time. It may be: ${MOMENT_FORMS}.\n`);
    return Exit.usage;
  }
  const query = new URLSearchParams({ at: new Date(atMs).toISOString() });
  if (args.environment !== undefined) query.set("environment", args.environment);
  if (args.kind !== undefined) query.set("kind", args.kind);
  const path = `/api/v1/services/${encodeURIComponent(service)}/decisions?${query}`;
  const answer = await askTracer(context, { path });
  if ("exit" in answer) return answer.exit;
  if (json) {
    stdout.write(`${JSON.stringify(answer.body, null, 2)}\n`);
    return Exit.ok;
  }
  stdout.write(answerText(WhyNotAnswer.parse(answer.body), { color: color(stdout) }));
  return Exit.ok;
}
