import {
  type Figures,
  faultFiguresOf,
  figuresOf,
  GROUPS,
  type Group,
  recallOf,
} from "./figures.ts";
import { GOALS, type Goal, markOf } from "./goals.ts";
import { HABITS, type Habit } from "./habits.ts";
import type { Fault } from "./incidents.ts";
import type { JudgedAlert, Verdict } from "./scorer.ts";
import { TIERS } from "./service.ts";

/** Every figure that has a goal, by its name in GOALS, and more. */
export type Measured = Map<string, number | null>;

const MARKS = { aim: "✓", must: "·", missed: "✗" } as const;

/** The goals that were measured and missed, one line each. */
export function missedGoals(measured: Measured): string[] {
  return GOALS.filter(
    (goal) => measured.has(goal.figure) && markOf(goal, measuredAt(measured, goal)) === "missed",
  ).map((goal) => {
    const sign = goal.better === "more" ? "≥" : "≤";
    return `${goal.figure} is ${shown(measuredAt(measured, goal))}, must be ${sign} ${shown(goal.must)}`;
  });
}

function measuredAt(measured: Measured, { figure }: Goal): number | null {
  return measured.get(figure) ?? null;
}

/** The figures of a verdict, under names that start with `prefix` for other runs than the main one. */
export function measuredOf(verdict: Verdict): Measured {
  const measured: Measured = new Map();
  for (const group of GROUPS) {
    const figures = figuresOf(verdict, group);
    for (const [name, value] of Object.entries(figures)) {
      if (typeof value === "number" || value === null) measured.set(`${name}.${group}`, value);
    }
  }
  return measured;
}

type Cell = (figures: Figures, group: Group) => string;

const COLUMN = 20;

/** Marked: ✓ reaches the aim, · only what must be, ✗ neither. Figures without a goal are bare. */
export function mainTable(verdict: Verdict, measured: Measured): string {
  const rows: [string, Cell][] = [
    [
      "recall",
      (f, g) => `${marked(measured, `recall.${g}`, f.recall)} (${f.found}/${f.detectable})`,
    ],
    ...(["error", "volume", "latency"] as const).map((kind): [string, Cell] => [
      `  ${kind}`,
      (_, group) => fractionOf(recallOf(verdict, group, kind)),
    ]),
    ["  below the limit", (f) => fractionOf([f.belowLimitFound, f.belowLimit])],
    [
      "false alarms per series-day",
      (f, g) => `${marked(measured, `falseAlarms.${g}`, f.falseAlarms)} (${f.falseAlarmCount})`,
    ],
    ...(["error", "volume", "latency"] as const).map((kind): [string, Cell] => [
      `  ${kind}`,
      (f) => shown(f.falseAlarmsByKind[kind]),
    ]),
    ["wrong kind per incident", (f, g) => marked(measured, `wrongKind.${g}`, f.wrongKind)],
    ["precision", (f, g) => marked(measured, `precision.${g}`, f.precision)],
    ["delay, median s", (f, g) => marked(measured, `delayMedian.${g}`, f.delayMedian)],
    ["  p90 s", (f) => shown(f.delayP90)],
    ["  median over the limit s", (f) => shown(f.overLimitMedian)],
    ["repeats per incident", (f, g) => marked(measured, `repeats.${g}`, f.repeats)],
    ["resolved", (f, g) => marked(measured, `resolved.${g}`, f.resolved)],
    ["  median s", (f, g) => marked(measured, `resolveMedian.${g}`, f.resolveMedian)],
    ["first 24 h, alerts per series", (f, g) => marked(measured, `coldStart.${g}`, f.coldStart)],
    ["  rest of the warm-up", (f) => shown(f.warmUp)],
  ];
  const figures = GROUPS.map((group) => [group, figuresOf(verdict, group)] as const);
  const body = rows.map(([name, cell]) =>
    line(
      name,
      figures.map(([group, each]) => cell(each, group)),
    ),
  );
  return [line("", [...GROUPS]), ...body].join("\n");
}

const FAULTS: readonly Fault[] = [
  "error_step",
  "error_burst",
  "error_ramp",
  "error_from_zero",
  "silence",
  "partial_drop",
  "surge",
  "latency_shift",
];
/** Lines of a kind that was never written before. */
const NEW_KINDS: readonly Fault[] = ["new_error", "new_warning", "new_info"];

/** Found of detectable, with the median delay, by what was injected. */
export function faultTable(verdict: Verdict, faults = FAULTS): string {
  const body = faults.map((fault) =>
    line(
      fault,
      GROUPS.map((group) => {
        const { found, detectable, delayMedian } = faultFiguresOf(verdict, group, fault);
        return `${found}/${detectable}${delayMedian === null ? "" : ` ${delayMedian} s`}`;
      }),
    ),
  );
  return [line("found, median delay", [...GROUPS]), ...body].join("\n");
}

/** How new kinds of message are found. */
export function newKindTable(verdict: Verdict, measured: Measured): string {
  const rows: [string, Cell][] = [
    ["recall", (_, group) => fractionOf(recallOf(verdict, group, "template"))],
    ["false alarms per series-day", (f) => `${shown(f.falseAlarms)} (${f.falseAlarmCount})`],
    ["with other incidents", (f) => shown(f.wrongKind)],
    ["warm-up, alerts per series", (f) => shown(f.coldStart + f.warmUp)],
  ];
  const body = rows.map(([name, cell]) =>
    line(
      name,
      GROUPS.map((group) => cell(figuresOf(verdict, group), group)),
    ),
  );
  const recall = measured.get("newKindRecall") ?? null;
  const falseAlarms = measured.get("newKindFalseAlarms") ?? null;
  const goals = `recall ${marked(measured, "newKindRecall", recall)}, false alarms per series-day ${marked(measured, "newKindFalseAlarms", falseAlarms)}`;
  return [line("", [...GROUPS]), ...body, goals, "", faultTable(verdict, NEW_KINDS)].join("\n");
}

/**
 * False alarms by what the service had been doing in the ten minutes before: of several things, the one that
 * it does least. Days are those spent doing it.
 */
export function habitTable(verdict: Verdict): string {
  const falseAlarms = verdict.alerts.filter(({ role }) => role === "false");
  const daysOf = (habit: Habit) => verdict.habitDays.get(habit) ?? 0;
  const causes = new Map<JudgedAlert, Habit | undefined>();
  for (const alarm of falseAlarms) {
    causes.set(alarm, alarm.habits.toSorted((left, right) => daysOf(left) - daysOf(right))[0]);
  }
  const rows = [...HABITS, undefined].flatMap((habit) => {
    const days = habit === undefined ? undefined : daysOf(habit);
    if (days === 0) return [];
    const alarms = falseAlarms.filter((alarm) => causes.get(alarm) === habit);
    const exposure = days === undefined ? ["", ""] : [days.toFixed(1), shown(alarms.length / days)];
    return [line(habit ?? "(none of these)", [...countsOf(alarms), ...exposure], 9)];
  });
  const head = ["error", "surge", "drop", "latency", "low", "mid", "high", "all", "days", "a day"];
  const all = line("all", countsOf(falseAlarms), 9);
  return [line("false alarms by habit", head, 9), ...rows, all].join("\n");
}

function countsOf(alarms: readonly JudgedAlert[]): string[] {
  const count = (matches: (alarm: JudgedAlert) => boolean) => String(alarms.filter(matches).length);
  return [
    count(({ kind }) => kind === "error"),
    count(({ part }) => part === "surge"),
    count(({ part }) => part === "drop"),
    count(({ kind }) => kind === "latency"),
    ...TIERS.map((tier) => count((alarm) => alarm.tier === tier)),
    String(alarms.length),
  ];
}

/** All goals with must and aim, for the reader who does not know them by heart. */
export function goalTable(measured: Measured): string {
  const rows = GOALS.filter(({ figure }) => measured.has(figure)).map((goal) => {
    const value = measuredAt(measured, goal);
    const sign = goal.better === "more" ? "≥" : "≤";
    const mark = MARKS[markOf(goal, value)];
    return line(
      `${mark} ${goal.figure}`,
      [shown(value), `${sign} ${shown(goal.must)}`, `${sign} ${shown(goal.aim)}`],
      12,
    );
  });
  return [line("  goals", ["measured", "must", "aim"], 12), ...rows].join("\n");
}

function marked(measured: Measured, figure: string, value: number | null): string {
  const goal = GOALS.find((each) => each.figure === figure);
  if (goal === undefined || !measured.has(figure)) return shown(value);
  return `${MARKS[markOf(goal, value)]} ${shown(value)}`;
}

function fractionOf([part, whole]: readonly [number, number]): string {
  return whole === 0 ? "–" : `${shown(part / whole)} (${part}/${whole})`;
}

export function shown(value: number | null): string {
  if (value === null) return "–";
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function line(name: string, cells: readonly string[], width = COLUMN): string {
  return `${name.padEnd(34)}${cells.map((cell) => cell.padStart(width)).join("")}`.trimEnd();
}
