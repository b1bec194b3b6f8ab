import { once } from "node:events";
import type { Transition } from "@tracer/detect";
import { readConfig } from "../config.ts";
import { EventTimeRun } from "../event-time-run.ts";
import { Exit } from "../exit.ts";
import { parseRules } from "../rules-option.ts";
import type { CommandContext } from "./context.ts";

const LINE_BYTES_MAX = 2 * 1024 * 1024;
const NEW_LINE = 0x0a;

/**
 * NDJSON log records on stdin, NDJSON decisions on stdout, in event time alone and deterministic: what is
 * written for the beginning of an input is the beginning of what is written for all of it.
 */
export async function detect(
  context: CommandContext,
  { counts = false, rules: given }: { readonly counts?: boolean; readonly rules?: string },
): Promise<Exit> {
  const { stdin, stdout, stderr, environment, stop } = context;
  const { seriesMax, latenessSeconds } = readConfig(environment);
  const rules = parseRules(given);
  if (typeof rules === "string") {
    stderr.write(`${rules}\n`);
    return Exit.usage;
  }
  const lines: string[] = [];
  const onDecided = (transition: Transition) => {
    if (transition.state !== "changed") lines.push(lineOf(transition, run));
  };
  const run = new EventTimeRun({
    ...{ seriesMax, latenessSeconds, rules, onDecided },
    readCount: counts,
  });
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stdin) {
    if (stop.aborted) break;
    const bytes: Buffer =
      rest.length === 0 ? toBuffer(chunk) : Buffer.concat([rest, toBuffer(chunk)]);
    const end = bytes.lastIndexOf(NEW_LINE) + 1;
    rest = bytes.subarray(end);
    if (rest.length > LINE_BYTES_MAX) rest = Buffer.alloc(0); // A record cannot be that long.
    if (end > 0) run.read(bytes.subarray(0, end));
    const written = lines.splice(0).join("");
    if (written !== "" && !stdout.write(written)) {
      await once(stdout, "drain", { signal: stop }).catch(() => {}); // Nobody reads any more.
    }
  }
  // Whoever reads has gone: what is left may be half a record.
  if (rest.length > 0 && !stop.aborted) run.read(rest);
  stdout.write(lines.join(""));
  const { accepted, rejected } = run;
  if (rejected > 0)
    stderr.write(`${rejected} of ${accepted + rejected} records could not be read.\n`);
  return accepted === 0 && rejected > 0 ? Exit.failed : Exit.ok;
}

function toBuffer(chunk: unknown): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
}

function lineOf({ state, reason, signal }: Transition, { directory }: EventTimeRun): string {
  const { slot, kind, part, severity, evidence } = signal;
  const { service = "(all)", environment = "" } = directory.key(slot) ?? {};
  const decidedMs = state === "opened" ? signal.decidedMs : signal.lastStepMs;
  const line = {
    ts: new Date(decidedMs).toISOString(),
    service,
    ...(environment === "" ? {} : { environment }),
    cls: kind,
    ...(part === "" ? {} : { part }),
    state: state === "opened" ? "open" : "resolved",
    severity,
    rule: reason,
    since: new Date(signal.onsetMs).toISOString(),
    observed: evidence.observed,
    expected: evidence.expected,
    z: evidence.z,
    evidence: evidence.evidence,
    reason: evidence.sentence,
  };
  return `${JSON.stringify(line)}\n`;
}
