import { formatNumber, formatQuantity, KINDS, NO_NUMBER } from "@tracer/core";
import { DECISION_STATES } from "@tracer/store";
import { z } from "zod";
import type { Answer, DecisionView, IncidentView } from "./answer.ts";
import { nameOf } from "./verdict.ts";

const number = z.number().nullable();
const names = { kind: z.enum(KINDS), part: z.string() };
const times = { from: z.iso.datetime(), to: z.iso.datetime().nullable() };

/** The answer as it comes over HTTP. */
export const WhyNotAnswer = z.object({
  service: z.string(),
  environment: z.string(),
  at: z.iso.datetime(),
  verdict: z.string(),
  decisions: z.array(
    z.object({
      ...names,
      ...times,
      state: z.enum(DECISION_STATES),
      exact: z.boolean(),
      ...{ evidence: number, peakEvidence: number, bar: number, observed: number },
      ...{ expected: number, expectedLow: number, expectedHigh: number },
      unit: z.enum(["share", "records_per_minute", "milliseconds", "number"]),
      why: z.string(),
      incidentId: z.string().nullable(),
    }),
  ) satisfies z.ZodType<DecisionView[]>,
  incidents: z.array(
    z.object({ ...names, ...times, id: z.string(), title: z.string() }),
  ) satisfies z.ZodType<IncidentView[]>,
  nearestBefore: z.iso.datetime().nullable(),
  nearestAfter: z.iso.datetime().nullable(),
}) satisfies z.ZodType<Answer>;

const HEAD = ["kind", "state", "since", "evidence", "observed", "expected", "why"];

/** The verdict, then a line for each kind. */
export function answerText(answer: Answer, { color }: { readonly color: boolean }): string {
  const { service, environment, at, verdict, decisions, nearestBefore, nearestAfter } = answer;
  const paint = (code: number, text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const where = environment === "" ? service : `${service} (${environment})`;
  const lines = [paint(1, verdict), "", `${where} at ${clockText(at)}`];
  if (decisions.length > 0) {
    const rows = [HEAD, ...decisions.map(cellsOf)];
    const [head = "", ...body] = aligned(rows);
    lines.push(paint(2, head), ...body);
  } else if (nearestBefore !== null || nearestAfter !== null) {
    const known = [nearestBefore, nearestAfter].filter((time) => time !== null).map(clockText);
    lines.push(`recorded next to it: ${known.join(", ")}`);
  }
  return `${lines.join("\n")}\n`;
}

function cellsOf(view: DecisionView): string[] {
  const { unit, observed, expected, expectedLow, expectedHigh, peakEvidence, bar } = view;
  const band = `${formatQuantity(expectedLow, unit)} to ${formatQuantity(expectedHigh, unit)}`;
  return [
    nameOf(view),
    view.state.replace("_", " "),
    clockText(view.from).slice(11),
    bar === null ? NO_NUMBER : `${formatNumber(peakEvidence)} of ${formatNumber(bar)}`,
    formatQuantity(observed, unit),
    expected === null ? NO_NUMBER : `${formatQuantity(expected, unit)} (${band})`,
    view.why,
  ];
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = HEAD.map((_, column) =>
    Math.max(...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  return rows.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** "2026-11-22 19:02:05 UTC". */
function clockText(time: string): string {
  return `${time.slice(0, 19).replace("T", " ")} UTC`;
}
