import { readFile, rename, writeFile } from "node:fs/promises";
import { z } from "zod";
import type { Findings } from "./books.ts";
import type { Place } from "./places.ts";
import type { Times } from "./protocol.ts";
import type { Row } from "./row.ts";
import { type RowResult, runRow } from "./run-row.ts";

export interface RunOptions {
  readonly rows: readonly Row[];
  readonly place: Place;
  readonly times: Times;
  readonly seed: number;
  /** For all rows together; null: until each has its full size. */
  readonly forSeconds: number | null;
  /** Rows at once. */
  readonly parallel: number;
  /** Where what is done is written down after each row. */
  readonly stateFile: string;
  /** What an earlier run has done, by row. */
  readonly earlier: ReadonlyMap<string, RowResult>;
  readonly stop: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

/** Of one row. */
export interface Progress {
  readonly row: Row;
  readonly done: number;
  readonly seconds: number;
  /** What it may take of the time for all rows; null: it goes on until it has its size. */
  readonly shareSeconds: number | null;
  /** Null while it runs. */
  readonly result: RowResult | null;
}

/** Runs the rows, several at once and the longest first, and writes down each result as it comes. In the order of the rows. */
export async function runTorture(options: RunOptions): Promise<RowResult[]> {
  const { rows, earlier, parallel, stateFile, stop, seed } = options;
  const results = new Map(earlier);
  const waiting = rows
    .filter(({ name, fullSize }) => (earlier.get(name)?.done ?? 0) < fullSize)
    .toSorted((one, other) => (other.fullMinutes ?? 1) - (one.fullMinutes ?? 1));
  const lane = async () => {
    for (let row = waiting.shift(); row !== undefined && !stop.aborted; row = waiting.shift()) {
      const result = await runOne(row, earlier.get(row.name), options);
      results.set(row.name, result);
      await writeState(stateFile, { seed, rows: [...results.values()] });
    }
  };
  await Promise.all(Array.from({ length: parallel }, lane));
  return rows.flatMap(({ name }) => results.get(name) ?? []);
}

async function runOne(
  row: Row,
  before: RowResult | undefined,
  options: RunOptions,
): Promise<RowResult> {
  const { rows, forSeconds, parallel, onProgress } = options;
  const startedMs = performance.now();
  const seconds = () => (performance.now() - startedMs) / 1e3;
  const shareMs =
    forSeconds === null ? null : (forSeconds * 1e3 * Math.min(parallel, rows.length)) / rows.length;
  const size = row.fullSize - (before?.done ?? 0);
  const shareSeconds = shareMs === null ? null : shareMs / 1e3;
  const say = (done: number, result: RowResult | null) =>
    onProgress({ row, done, seconds: seconds(), shareSeconds, result });
  say(0, null);
  const result = await runRow(row, {
    ...{ ...options, size, isSlice: false },
    seed: options.seed + (before?.done ?? 0), // What is left is not what was done.
    forMs: shareMs,
    onProgress: (done) => say(done, null),
  }).catch((error: unknown) => brokenResult(row, error));
  say(result.done, result);
  return before === undefined ? result : added(before, result);
}

/** A row that threw has looked at nothing. */
function brokenResult({ name }: Row, error: unknown): RowResult {
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const findings = added(EMPTY, EMPTY).findings;
  return { ...EMPTY, name, findings, problems: [`The row broke off: ${reason}`], ok: false };
}

const NOTHING_FOUND: Findings = {
  ...{
    incidents: 0,
    deliveries: 0,
    unknownEnds: 0,
    lost: 0,
    doubled: 0,
    repeats: 0,
    marked: 0,
    overtaken: 0,
  },
  ...{ reordered: 0, falselySettled: 0, disagreeing: 0, undone: 0, dead: 0, problems: [] },
};
const EMPTY: RowResult = {
  ...{
    name: "",
    done: 0,
    findings: NOTHING_FOUND,
    figures: {},
    problems: [],
    seconds: 0,
    ok: true,
  },
};

/** Figures that are the worst of all parts, by their names; the others are sums. */
const WORST = /\bms$|^most |at the most$/;

/** Two parts of one row. */
function added(first: RowResult, second: RowResult): RowResult {
  const { findings: one } = first;
  const { findings: other } = second;
  const figures: Record<string, number> = { ...first.figures };
  for (const [name, value] of Object.entries(second.figures)) {
    const before = figures[name] ?? 0;
    figures[name] = WORST.test(name) ? Math.max(before, value) : before + value;
  }
  return {
    name: second.name,
    done: first.done + second.done,
    findings: {
      incidents: one.incidents + other.incidents,
      deliveries: one.deliveries + other.deliveries,
      unknownEnds: one.unknownEnds + other.unknownEnds,
      lost: one.lost + other.lost,
      doubled: one.doubled + other.doubled,
      repeats: one.repeats + other.repeats,
      marked: one.marked + other.marked,
      overtaken: one.overtaken + other.overtaken,
      reordered: one.reordered + other.reordered,
      falselySettled: one.falselySettled + other.falselySettled,
      disagreeing: one.disagreeing + other.disagreeing,
      undone: one.undone + other.undone,
      dead: one.dead + other.dead,
      problems: [...one.problems, ...other.problems],
    },
    figures,
    problems: [...first.problems, ...second.problems],
    seconds: first.seconds + second.seconds,
    ok: first.ok && second.ok,
  };
}

const State = z.object({
  seed: z.number(),
  rows: z.array(
    z.object({
      name: z.string(),
      done: z.number(),
      findings: z.object({
        incidents: z.number(),
        deliveries: z.number(),
        unknownEnds: z.number(),
        lost: z.number(),
        doubled: z.number(),
        repeats: z.number(),
        marked: z.number(),
        overtaken: z.number(),
        reordered: z.number(),
        falselySettled: z.number(),
        disagreeing: z.number(),
        undone: z.number(),
        dead: z.number(),
        problems: z.array(z.string()),
      }),
      figures: z.record(z.string(), z.number()),
      problems: z.array(z.string()),
      seconds: z.number(),
      ok: z.boolean(),
    }),
  ),
});

type State = z.infer<typeof State>;

async function writeState(path: string, state: { seed: number; rows: readonly RowResult[] }) {
  await writeFile(`${path}.new`, JSON.stringify(state));
  await rename(`${path}.new`, path);
}

/** What an interrupted run has written down; null when there is nothing that can be read. */
export async function readState(path: string): Promise<State | null> {
  try {
    return State.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return null;
  }
}
