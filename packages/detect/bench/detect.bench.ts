import { parseArgs } from "node:util";
import { measureBytes, measureCost } from "./cost.ts";
import { figuresOf, GROUPS, recallOf } from "./figures.ts";
import type { FaultKind } from "./incidents.ts";
import { type Job, type JobResult, runJobs } from "./jobs.ts";
import {
  faultTable,
  goalTable,
  habitTable,
  type Measured,
  mainTable,
  measuredOf,
  missedGoals,
  newKindTable,
  shown,
} from "./report.ts";
import { type RunPlan, WARM_UP_DAYS } from "./run.ts";
import { pooled, type Verdict } from "./scorer.ts";
import { STRUCTURES } from "./service.ts";
import { STEADY_MIXES } from "./steady.ts";

/*
 * How well the detector detects: labelled streams, scored, against the goals. Prints tables; exits 1 when a
 * goal that must hold is missed. Everything but the costs is the same in every run. Run:
 *   pnpm bench:detect [--seeds a,b,c] [--days 14] [--services 16] [--structure plain|varied|abrupt]
 *     [--only main,holiday,abrupt,steady,kinds,causality,costs] [--alarms] [--quick] [--json]
 * --services counts per tier; --alarms lists every false alarm and every missed incident; --quick is one
 * seed with few services.
 */
const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    days: { type: "string", default: "14" },
    services: { type: "string" },
    structure: { type: "string", default: "varied" },
    only: { type: "string" },
    alarms: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});

const HOLIDAY = 9; // A Wednesday.
const COUNTED: readonly FaultKind[] = ["error", "volume", "latency"];

const began = process.hrtime.bigint();
const seeds = (values.seeds ?? (values.quick ? "a" : "a,b,c")).split(",");
const [firstSeed = ""] = seeds;
const days = Number(values.days);
const servicesPerTier = Number(values.services ?? (values.quick ? 6 : 16));
const structure = STRUCTURES.find((each) => each === values.structure);
if (structure === undefined) throw new Error(`--structure is one of ${STRUCTURES.join(", ")}`);
if (!(days > WARM_UP_DAYS)) throw new Error(`--days must be over ${WARM_UP_DAYS}`);
if (!(servicesPerTier >= 1)) throw new Error("--services must be 1 or more");

const out: string[] = [];
const measured: Measured = new Map();

function progress(text: string): void {
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  process.stderr.write(`${seconds.toFixed(0).padStart(4)} s  ${text}\n`);
}

function section(title: string, ...texts: string[]): void {
  out.push(`\n${title}\n${texts.join("\n\n")}`);
}

function planOf(seed: string, more: Partial<RunPlan> = {}): RunPlan {
  const plan = { structure: structure ?? "varied", days, servicesPerTier, holidayDay: null };
  return { seed, ...plan, ...more };
}

function streamJobs(name: string, names: readonly string[], more: Partial<RunPlan> = {}): Job[] {
  return names.map((seed) => ({ kind: "streams", name, plan: planOf(seed, more) }));
}

function alarmList({ alerts, incidents }: Verdict, kinds: readonly FaultKind[]): string {
  const at = (ms: number) => new Date(ms).toISOString().slice(0, 19);
  const told = ["false", "wrong_kind", "cold_start"];
  return [
    ...alerts
      .filter(({ role }) => told.includes(role))
      .map(
        ({ role, stream, kind, part, atMs, habits, sentence }) =>
          `${role} ${stream} ${at(atMs)} ${kind}${part === "" ? "" : `/${part}`} [${habits}] ${sentence}`,
      ),
    ...incidents
      .filter(
        ({ detectable, delaySeconds, kind }) =>
          detectable && delaySeconds === null && kinds.includes(kind),
      )
      .map(
        ({ stream, fault, fromMs, nats }) =>
          `missed ${stream} ${at(fromMs)} ${fault} ${nats.toFixed(0)} nats`,
      ),
  ].join("\n");
}

function verdictOf(results: readonly JobResult[]): Verdict {
  return pooled(
    results.flatMap((result) =>
      result.kind === "streams" || result.kind === "newKinds" ? [result.verdict] : [],
    ),
  );
}

function listAlarms(verdict: Verdict, kinds = COUNTED): void {
  if (values.alarms) section("Each of them", alarmList(verdict, kinds));
}

function reportMain(results: readonly JobResult[]): void {
  const verdict = verdictOf(results);
  for (const [figure, value] of measuredOf(verdict)) measured.set(figure, value);
  section(
    `Streams: seeds ${seeds.join(", ")} · ${days} days, ${WARM_UP_DAYS} of them warm-up · ${servicesPerTier} services a tier · ${structure}`,
    mainTable(verdict, measured),
    faultTable(verdict),
    habitTable(verdict),
  );
  listAlarms(verdict);
}

function reportHoliday(results: readonly JobResult[]): void {
  const verdict = verdictOf(results);
  const lines = GROUPS.map((group) => {
    const { falseAlarms, falseAlarmCount, recall } = figuresOf(verdict, group);
    measured.set(`holidayFalseAlarms.${group}`, falseAlarms);
    return `${group.padEnd(5)} ${shown(falseAlarms)} false alarms per series-day (${falseAlarmCount}), recall ${shown(recall)}`;
  });
  section("The same with a holiday", lines.join("\n"), habitTable(verdict));
  listAlarms(verdict);
}

function reportAbrupt(results: readonly JobResult[]): void {
  const verdict = verdictOf(results);
  section(
    "Traffic that the clock switches on, off or to other work (no goals)",
    mainTable(verdict, new Map()),
    habitTable(verdict),
  );
  listAlarms(verdict);
}

function reportSteady(results: readonly JobResult[]): void {
  const runs = results.flatMap((result) => (result.kind === "steady" ? [result] : []));
  const alerts = runs.reduce((sum, run) => sum + run.alerts, 0);
  const weeks = runs.reduce((sum, { serviceWeeks }) => sum + serviceWeeks, 0);
  measured.set("steadyAlerts", alerts / weeks);
  const lines = runs.map(
    (run) =>
      `${String(run.perMinute).padStart(5)} a minute, ${(run.errorShare * 100).toFixed(1)} % errors: ${shown(run.alerts / run.serviceWeeks)}`,
  );
  section("Steady traffic, alerts per service-week", lines.join("\n"));
}

function reportNewKinds(results: readonly JobResult[]): void {
  const verdict = verdictOf(results);
  const [found, detectable] = recallOf(verdict, "all", "template");
  measured.set("newKindRecall", detectable === 0 ? null : found / detectable);
  measured.set("newKindFalseAlarms", figuresOf(verdict, "all").falseAlarms);
  section("New kinds of message", newKindTable(verdict, measured));
  listAlarms(verdict, ["template"]);
}

function reportCausality(results: readonly JobResult[]): void {
  const runs = results.flatMap((result) => (result.kind === "causality" ? [result] : []));
  measured.set(
    "causalityViolations",
    runs.reduce((sum, { violations }) => sum + violations, 0),
  );
}

function runCosts(): void {
  const plan = values.quick ? { rounds: 3, warmUpHours: 1 } : { rounds: 7, warmUpHours: 3 };
  const cost = measureCost(plan);
  measured.set("costRatio", cost.ratio);
  const bytes = measureBytes();
  measured.set("bytesPerService", bytes.remembered);
  progress("costs");
  section(
    "Cost",
    [
      `${cost.services} services, per service and step:`,
      `detector                                             ${cost.detectorNs.toFixed(0)} ns`,
      `plain z-score of records, share of errors, latency   ${cost.plainNs.toFixed(1)} ns: ratio ${shown(cost.ratio)}`,
      `plain z-score of records alone                       ${cost.plainRecordsNs.toFixed(1)} ns: ratio ${shown(cost.detectorNs / cost.plainRecordsNs)}`,
      `${shown(bytes.remembered)} bytes remembered per service, ${shown(bytes.held)} held with its open steps`,
    ].join("\n"),
  );
}

function told(job: Job, result: JobResult): string {
  const took = `${result.seconds.toFixed(1)} s`;
  if (job.kind === "streams") return `${job.name}, seed ${job.plan.seed}: ${took}`;
  if (result.kind === "steady") {
    return `steady, ${result.perMinute} a minute at ${result.errorShare}: ${result.alerts} alerts, ${took}`;
  }
  if (result.kind === "causality") {
    return `causality: ${result.cuts} cuts, ${result.decisions} decisions, ${result.violations} violations, ${took}`;
  }
  if (result.kind === "newKinds" && job.kind === "newKinds") {
    const { lines, passed, microsecondsPerLine } = result;
    return `new kinds, seed ${job.seed}: ${lines.toLocaleString("en")} lines, ${microsecondsPerLine.toFixed(1)} µs for each of ${passed.toLocaleString("en")} that passed, ${took}`;
  }
  return took;
}

interface Part {
  readonly name: string;
  readonly jobs: readonly Job[];
  readonly report: (results: readonly JobResult[]) => void;
}

const steadyPlan = { services: values.quick ? 5 : 20, days: 7, seed: firstSeed };
const parts: readonly Part[] = [
  { name: "main", jobs: streamJobs("main", seeds), report: reportMain },
  {
    name: "holiday",
    jobs: streamJobs("holiday", seeds, { holidayDay: HOLIDAY }),
    report: reportHoliday,
  },
  {
    name: "abrupt",
    jobs: streamJobs("abrupt", [firstSeed], { structure: "abrupt" }),
    report: reportAbrupt,
  },
  {
    name: "steady",
    jobs: STEADY_MIXES.map((mix): Job => ({ kind: "steady", mix, plan: steadyPlan })),
    report: reportSteady,
  },
  {
    name: "kinds",
    jobs: seeds.map((seed): Job => ({ kind: "newKinds", seed })),
    report: reportNewKinds,
  },
  {
    name: "causality",
    jobs: [
      { kind: "causality", plan: planOf(`${firstSeed}/cut`, { servicesPerTier: 3, days: 10 }) },
    ],
    report: reportCausality,
  },
];
const names = values.only?.split(",") ?? [...parts.map(({ name }) => name), "costs"];
const chosen = parts.filter(({ name }) => names.includes(name));
const results = await runJobs(
  chosen.flatMap(({ jobs }) => jobs),
  (job, result) => progress(told(job, result)),
);
const notFinite = results.flatMap((result) => ("notFinite" in result ? result.notFinite : []));
for (const { jobs, report } of chosen) report(results.splice(0, jobs.length));
if (names.includes("costs")) runCosts(); // Alone: threads would be in each other's way.
measured.set("notFinite", notFinite.length);
section("Goals", goalTable(measured));

const missed = missedGoals(measured);
if (values.json) {
  const figures = Object.fromEntries(measured);
  const result = { seeds, days, servicesPerTier, structure, figures, missed };
  process.stdout.write(`${JSON.stringify(result)}\n`);
} else {
  process.stdout.write(`${out.join("\n").trimStart()}\n`);
}
if (missed.length > 0) {
  const lines = missed.map((each) => `  ${each}\n`).join("");
  process.stderr.write(`${missed.length} goals missed:\n${lines}`);
  if (!values.quick) process.exitCode = 1; // A few services of one seed prove nothing.
}
progress("done");
