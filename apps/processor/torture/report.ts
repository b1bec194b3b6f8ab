import { formatDuration, formatNumber } from "@tracer/core";
import type { Row } from "./row.ts";
import type { RowResult } from "./run-row.ts";

/** Columns of the table: those that must be 0 come after `deliveries`. */
const COLUMNS: readonly (readonly [string, (result: RowResult) => number])[] = [
  ["incidents", ({ findings }) => findings.incidents],
  ["sent", ({ findings }) => findings.deliveries],
  ["unknown ends", ({ findings }) => findings.unknownEnds],
  ["lost", ({ findings }) => findings.lost],
  ["doubled", ({ findings }) => findings.doubled],
  ["repeats", ({ findings }) => findings.repeats],
  ["marked", ({ findings }) => findings.marked],
  ["overtaken", ({ findings }) => findings.overtaken],
  ["reordered", ({ findings }) => findings.reordered],
  ["falsely settled", ({ findings }) => findings.falselySettled],
  ["disagreeing", ({ findings }) => findings.disagreeing],
  ["undone", ({ findings }) => findings.undone + findings.dead],
];

export interface ReportOptions {
  readonly rows: readonly Row[];
  readonly results: readonly RowResult[];
  readonly place: string;
  readonly seed: number;
  readonly seconds: number;
}

function cellsOf(rows: readonly Row[], result: RowResult): string[] {
  const row = rows.find(({ name }) => name === result.name);
  const size = `${formatNumber(result.done)} of ${formatNumber(row?.fullSize ?? 0)} ${row?.unit ?? ""}`;
  return [
    ...[result.name, size],
    ...COLUMNS.map(([, read]) => formatNumber(read(result))),
    ...[formatDuration(result.seconds), result.ok ? "ok" : "FAILED"],
  ];
}

const HEADINGS = ["row", "size", ...COLUMNS.map(([heading]) => heading), "time", "result"];

/** The results as a table for a terminal. */
export function tableOf({ rows, results }: ReportOptions): string {
  const table = [HEADINGS, ...results.map((result) => cellsOf(rows, result))];
  const widths = HEADINGS.map((_, column) =>
    Math.max(...table.map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column < 2 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ");
  return `${table.map(line).join("\n")}\n${wrongOf(results)}`;
}

/** The same as Markdown, with what each row does and further measured. */
export function markdownOf(options: ReportOptions): string {
  const { rows, results, place, seed, seconds } = options;
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const about = results.map((result) => {
    const text = rows.find(({ name }) => name === result.name)?.text ?? "";
    const figures = Object.entries(result.figures).map(
      ([name, value]) => `${name} ${formatNumber(value)}`,
    );
    return `- **${result.name}**: ${text}.${figures.length === 0 ? "" : ` Measured: ${figures.join(", ")}.`}`;
  });
  return [
    "# Torture",
    "",
    `On ${place}, seed ${seed}, in ${formatDuration(seconds)}. All but incidents, sent, unknown ends, marked and overtaken must be 0.`,
    "",
    line(HEADINGS),
    line(HEADINGS.map(() => "---")),
    ...results.map((result) => line(cellsOf(rows, result))),
    "",
    ...about,
    "",
    ...(wrongOf(results) === "" ? [] : ["```", wrongOf(results).trimEnd(), "```", ""]),
  ].join("\n");
}

/** What was wrong, row by row; empty when nothing was. */
function wrongOf(results: readonly RowResult[]): string {
  return results
    .flatMap(({ name, problems, findings }) =>
      [...problems, ...findings.problems].map((problem) => `${name}: ${problem}\n`),
    )
    .join("");
}
