import { clip, flatten } from "@tracer/core";
import { z } from "zod";
import { Exit } from "../exit.ts";
import { askTracer } from "./api-client.ts";
import type { CommandContext } from "./context.ts";
import { parseDurationSeconds } from "./duration.ts";

export interface AddSilenceArgs {
  readonly service?: string;
  readonly kind?: string;
  readonly severity?: string;
  readonly template?: string;
  readonly for?: string;
  readonly until?: string;
  readonly reason?: string;
  readonly json?: boolean;
}

const TEXT_CHARS_MAX = 200;

/** As it comes over HTTP. */
const SilenceAnswer = z.object({
  id: z.string(),
  matchers: z.record(z.string(), z.string()),
  reason: z.string(),
  startsAt: z.string(),
  endsAt: z.string(),
  state: z.string(),
  held: z.number(),
});
const ListAnswer = z.object({ silences: z.array(SilenceAnswer) });

/** Begins a silence. 2 names everything that is missing. */
export async function addSilence(context: CommandContext, args: AddSilenceArgs): Promise<Exit> {
  const { stderr } = context;
  const { service, kind, severity, template, reason = "" } = args;
  const matchers = { service, kind, severity, template };
  const missing: string[] = [];
  if (Object.values(matchers).every((matcher) => matcher === undefined)) {
    missing.push("a matcher: --service, --kind, --severity or --template");
  }
  if (reason.trim() === "") missing.push("--reason");
  if ((args.for === undefined) === (args.until === undefined)) {
    missing.push("an end: either --for or --until");
  }
  if (missing.length > 0) {
    stderr.write(missing.map((what) => `A silence needs ${what}.\n`).join(""));
    return Exit.usage;
  }
  const end = endOf(args);
  if (end === null) {
    stderr.write("--for is a time such as 90s, 30m, 2h or 1d12h; --until is ISO 8601.\n");
    return Exit.usage;
  }
  const answer = await askTracer(context, {
    ...{ path: "/api/v1/silences", method: "POST" },
    body: { matchers, reason, ...end },
  });
  return "exit" in answer ? answer.exit : printSilence(context, answer.body, args);
}

/** A length goes as it is, so that the clock of this machine does not matter. */
function endOf({ for: length, until = "" }: AddSilenceArgs) {
  if (length !== undefined) {
    const forSeconds = parseDurationSeconds(length);
    return forSeconds === null ? null : { forSeconds };
  }
  const endsAtMs = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}/.test(until)
    ? Date.parse(until.replace(" ", "T"))
    : Number.NaN;
  return Number.isFinite(endsAtMs) ? { endsAt: new Date(endsAtMs).toISOString() } : null;
}

export async function listSilences(
  context: CommandContext,
  { state = "active", json = false }: { readonly state?: string; readonly json?: boolean },
): Promise<Exit> {
  const { stdout } = context;
  const query = new URLSearchParams({ state, limit: "1000" });
  const answer = await askTracer(context, { path: `/api/v1/silences?${query}` });
  if ("exit" in answer) return answer.exit;
  if (json) {
    stdout.write(`${JSON.stringify(answer.body, null, 2)}\n`);
    return Exit.ok;
  }
  const { silences } = ListAnswer.parse(answer.body);
  if (silences.length === 0) stdout.write("There are no such silences.\n");
  for (const silence of silences) stdout.write(silenceText(silence));
  return Exit.ok;
}

/** Ends one now. What it held back of an incident that is still open is told with its next sighting. */
export async function expireSilence(
  context: CommandContext,
  { id = "", json = false }: { readonly id?: string; readonly json?: boolean },
): Promise<Exit> {
  const path = `/api/v1/silences/${encodeURIComponent(id)}`;
  const answer = await askTracer(context, { path, method: "DELETE" });
  return "exit" in answer ? answer.exit : printSilence(context, answer.body, { json });
}

function printSilence(
  { stdout }: CommandContext,
  body: unknown,
  { json = false }: { readonly json?: boolean },
): Exit {
  stdout.write(
    json ? `${JSON.stringify(body, null, 2)}\n` : silenceText(SilenceAnswer.parse(body)),
  );
  return Exit.ok;
}

function silenceText(silence: z.infer<typeof SilenceAnswer>): string {
  const matchers = Object.entries(silence.matchers).map(
    ([name, pattern]) => `${name}=${plain(pattern)}`,
  );
  const { id, state, startsAt, endsAt, held, reason } = silence;
  const from = state === "pending" ? `from ${startsAt} ` : "";
  return `${id}  ${state}  ${from}until ${endsAt}  held ${held}  ${matchers.join(" ")}  ${plain(reason)}\n`;
}

function plain(text: string): string {
  return clip(flatten(text), TEXT_CHARS_MAX);
}
