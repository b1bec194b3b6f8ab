import { type DeliveryTask, TracerError, type Verdict } from "@tracer/core";
import { z } from "zod";
import {
  type Channel,
  checked,
  DEFAULT_TIMINGS,
  guarded,
  SENT_NOTHING,
  type Timings,
} from "../channel.ts";
import {
  composioFindings,
  composioFix,
  connectFix,
  readFinding,
  type UsedTool,
} from "../composio/check.ts";
import { type ComposioSession, composioSession, type SessionStore } from "../composio/session.ts";
import { toolErrorFailure } from "../composio/verdict.ts";
import { digestFactsOf } from "../digest-facts.ts";
import { reasonText, requireHttpUrl } from "../http.ts";
import { linkOf } from "../slack/render.ts";
import {
  type Arguments,
  fillArguments,
  plainValues,
  TEXT_CHARS_MAX,
  type TextFormat,
  type Values,
  valuesOf,
} from "./template.ts";

/** A tool, and what it is given. */
export interface ToolCall {
  readonly tool: string;
  readonly arguments: Arguments;
}

export interface ComposioToolChannelOptions {
  readonly name?: string;
  readonly apiKey: string;
  /** Default https://backend.composio.dev. */
  readonly baseUrl?: string;
  readonly userId: string;
  /** The toolkit that all tools of the channel belong to. */
  readonly toolkit: string;
  /** Called when an incident opens, and for a digest, a test and what is told of Tracer itself. */
  readonly open: ToolCall;
  /** Called when an incident escalates, and for a reminder. Without it these are not told. */
  readonly update?: ToolCall;
  /** Called when an incident that was told is over. Without it that is not told. */
  readonly resolve?: ToolCall;
  /** What of the answer to `open` is kept for the others, by the name after `kept.`: a path such as `issue.key`. */
  readonly keep?: Readonly<Record<string, string>>;
  /** How the receiving side reads text. Default `text`. */
  readonly format?: TextFormat;
  /** Of each text that is given, after escaping. Default TEXT_CHARS_MAX. */
  readonly textCharsMax?: number;
  readonly sessionStore?: SessionStore;
  readonly timings?: Partial<Timings>;
}

/** Any tool of any toolkit that Composio has. A tool cannot be asked what it did, so after an unknown end it is called again, marked. */
export function composioToolChannel(options: ComposioToolChannelOptions): Channel {
  const { name = "composio-tool", apiKey, userId, toolkit, open, update, resolve } = options;
  if (apiKey === "") throw new TracerError("CONFIG_INVALID", "COMPOSIO_API_KEY is empty");
  const given = options.baseUrl ?? "https://backend.composio.dev";
  const baseUrl = requireHttpUrl("COMPOSIO_BASE_URL", given);
  const timings = { ...DEFAULT_TIMINGS, ...options.timings };
  const { sessionStore } = options;
  const session = composioSession({
    ...{ apiKey, baseUrl, userId, toolkits: [toolkit], timings },
    ...(sessionStore === undefined ? {} : { sessionStore }),
  });
  const format = options.format ?? "text";
  const charsMax = options.textCharsMax ?? TEXT_CHARS_MAX;
  const run = (call: ToolCall, values: Values, kept: Kept, signal: AbortSignal) => {
    const args = fillArguments(call.arguments, { values, kept, format, charsMax });
    const timeoutMs = timings.requestMs;
    return execute(session, { slug: call.tool, args, keep: options.keep ?? {}, timeoutMs }, signal);
  };
  const fixOf = (reason: string) => composioFix(reason, toolkit) ?? grantFix(reason, toolkit);
  const tools = toolsOf({ open, update, resolve });
  const look = { session, timeoutMs: timings.requestMs, toolkit, tools, fixOf };
  return {
    name,
    kind: "composio-tool",
    ownAlone: true, // What `open` made is what `resolve` closes.
    fixOf,
    check: checked(
      async (signal) => [
        ...(await composioFindings(look, signal)),
        await readFinding(look, signal),
      ],
      timings,
    ),
    send: guarded(async (task, signal): Promise<Verdict> => {
      const call = callOf(task, { open, update, resolve });
      if (call === null) return SENT_NOTHING;
      const maybeRepeat = task.uncertain; // It cannot be looked up, and lost is worse than twice.
      const values = valuesOf(task, { maybeRepeat });
      const verdict = await run(call, values, keptOf(task.receipt), signal);
      return marked(verdict, maybeRepeat);
    }, timings),
    sendDigest: guarded(async (task, signal): Promise<Verdict> => {
      const facts = digestFactsOf(task);
      const values = plainValues({
        title: facts.lockLine,
        summary: [facts.lockLine, facts.rest(facts.named.length) ?? ""].join(" ").trim(),
        severity: task.entries[0]?.severity ?? "error",
        state: "open",
        examples: facts.named.join(" ⏎ "),
        link: linkOf(task) ?? "",
      });
      const verdict = await run(open, values, {}, signal);
      if (verdict.kind !== "sent") return verdict;
      return marked(
        { kind: "sent", receipt: { ...verdict.receipt, digest: task.id } },
        task.uncertain,
      );
    }, timings),
    sendNotice: guarded(async ({ state, title, text, receipt }, signal): Promise<Verdict> => {
      const isOver = state === "over";
      if (isOver && resolve === undefined) return SENT_NOTHING;
      const values = plainValues({
        title: `${isOver ? "RESOLVED " : ""}${title}`,
        summary: text,
        severity: "critical",
        state: isOver ? "resolved" : "open",
        examples: "",
        link: "",
      });
      return run(isOver && resolve !== undefined ? resolve : open, values, keptOf(receipt), signal);
    }, timings),
  };
}

type Kept = Readonly<Record<string, string>>;
type Calls = Pick<ComposioToolChannelOptions, "open"> & {
  readonly update: ToolCall | undefined;
  readonly resolve: ToolCall | undefined;
};

/** Null: nothing is to be told there. */
function callOf(task: DeliveryTask, { open, update, resolve }: Calls): ToolCall | null {
  const { action, receipt } = task;
  switch (action) {
    case "open":
    case "test":
      return open;
    case "escalate":
    case "repeat":
      // Nothing to update: the first that arrives is what the others refer to.
      return receipt === null ? open : (update ?? null);
    case "edit":
      return null;
    case "resolve": {
      if (receipt === null) return null; // Nobody was told.
      // A digest's ticket is about others, too: it is told of, not closed.
      return (receipt["digest"] === undefined ? resolve : update) ?? null;
    }
    default:
      return action satisfies never;
  }
}

/** Names of the receipt that were kept; the rest of it is ours. */
const KEPT = "kept.";

function keptOf(receipt: DeliveryTask["receipt"]): Kept {
  const found = Object.entries(receipt ?? {}).filter(([name]) => name.startsWith(KEPT));
  return Object.fromEntries(found.map(([name, value]) => [name.slice(KEPT.length), value]));
}

function marked(verdict: Verdict, maybeRepeat: boolean): Verdict {
  return verdict.kind === "sent" && maybeRepeat ? { ...verdict, maybeRepeat } : verdict;
}

function toolsOf({ open, update, resolve }: Calls): UsedTool[] {
  const calls = [
    ["open", open],
    ["update", update],
    ["resolve", resolve],
  ] as const;
  const tools: UsedTool[] = [];
  for (const [place, call] of calls) {
    if (call === undefined) continue;
    tools.push({
      slug: call.tool,
      args: Object.keys(call.arguments),
      setting: `${place}.tool`,
    });
  }
  return tools;
}

const Reply = z.looseObject({ data: z.unknown().optional(), error: z.string().nullish() });

interface ExecuteOptions {
  readonly slug: string;
  readonly args: Record<string, unknown>;
  readonly keep: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** One execution. A 200 is success only when `error` is null. */
async function execute(
  session: ComposioSession,
  { slug, args, keep, timeoutMs }: ExecuteOptions,
  signal: AbortSignal,
): Promise<Verdict> {
  const called = await session.call(
    (calls, id, once) => calls.execute(id, { tool_slug: slug, arguments: args }, once),
    signal,
    timeoutMs,
  );
  if (called.kind === "failed") return called.verdict;
  const reply = Reply.safeParse(called.value);
  if (!reply.success) return { kind: "ambiguous", reason: "unreadable_answer" };
  const { error, data } = reply.data;
  if (error !== null && error !== undefined && error !== "") return toolErrorFailure(error).verdict;
  const kept = Object.entries(keep).flatMap(([name, path]) => {
    const value = valueAt(data, path);
    return value === null ? [] : [[`${KEPT}${name}`, value] as const];
  });
  return { kind: "sent", receipt: { tool: slug, ...Object.fromEntries(kept) } };
}

/** An id as providers give them: it goes back as it is, so nothing that could mean more may be in it. */
const ID = /^[\w.:@=+/|~-]{1,500}$/u;

/** The id or number at a path such as `issue.key` or `items.0.id`; null where there is none. */
function valueAt(data: unknown, path: string): string | null {
  let current = data;
  for (const step of path.split(".")) {
    if (typeof current !== "object" || current === null) return null;
    current = Object.entries(current).find(([key]) => key === step)?.[1];
  }
  if (typeof current === "number") return String(current);
  return typeof current === "string" && ID.test(current) ? current : null;
}

function grantFix(reason: string, toolkit: string): string | null {
  return /invalid_grant|invalid_auth|unauthori[sz]ed|token|\b401\b|\b403\b|scope|permission/iu.test(
    reasonText(reason),
  )
    ? connectFix(toolkit)
    : null;
}
