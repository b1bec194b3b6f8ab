import { parseArgs } from "node:util";
import { causalityViolations } from "./causality.ts";
import { measureBytes, measureCost } from "./cost.ts";
import { figuresOf, GROUPS } from "./figures.ts";
import type { StreamPlan } from "./generator.ts";
import {
  faultTable,
  goalTable,
  habitTable,
  type Measured,
  mainTable,
  measuredOf,
  missedGoals,
  shown,
} from "./report.ts";
import { judgeStreams, streamsOf, WARM_UP_DAYS } from "./run.ts";
import { pooled, type Verdict } from "./scorer.ts";
import { STRUCTURES, type Structure } from "./service.ts";
import { runSteady, STEADY_MIXES } from "./steady.ts";

/*
 * How well the detector detects: labelled streams, scored, against the goals. Prints tables; exits 1 when a
 * goal that must hold is missed. Everything but the costs is the same in every run. Run:
 *   pnpm bench:detect [--seeds a,b,c] [--days 14] [--services 16] [--structure plain|varied|abrupt]
 *                     [--only main] [--alarms] [--quick] [--json]
 * --services counts per tier; --alarms lists every false alarm and every missed incident; --quick is one seed with few services.
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

const seeds = (values.seeds ?? (values.quick ? "a" : "a,b,c")).split(",");
const days = Number(values.days);
const servicesPerTier = Number(values.services ?? (values.quick ? 6 : 16));
const structure = STRUCTURES.find((each) => each === values.structure);
const HOLIDAY = 9; // A Wednesday.

const began = process.hrtime.bigint();
const out: string[] = [];

if (structure === undefined) throw new Error(`--structure is one of ${STRUCTURES.join(", ")}`);
if (!(days > WARM_UP_DAYS)) throw new Error(`--days must be over ${WARM_UP_DAYS}`);
if (!(servicesPerTier >= 1)) throw new Error("--services must be 1 or more");

function secondsSince(start: bigint): number {
  return Number(process.hrtime.bigint() - start) / 1e9;
}

function progress(text: string): void {
  process.stderr.write(`${secondsSince(began).toFixed(0).padStart(4)} s  ${text}\n`);
}

interface Run {
  readonly name: string;
  readonly structure: Structure;
  readonly holidayDay: number | null;
  readonly seeds: readonly string[];
}

function runStreams(run: Run): { verdict: Verdict; notFinite: number } {
  const verdicts: Verdict[] = [];
  let notFinite = 0;
  for (const seed of run.seeds) {
    const start = process.hrtime.bigint();
    const streams = streamsOf({ ...run, seed, days, servicesPerTier });
    const generated = secondsSince(start);
    const judgement = judgeStreams(streams, { ...run, days });
    notFinite += judgement.notFinite.length;
    verdicts.push(judgement.verdict);
    const judged = secondsSince(start) - generated;
    progress(
      `${run.name}, seed ${seed}: generated in ${generated.toFixed(1)} s, judged in ${judged.toFixed(1)} s`,
    );
  }
  return { verdict: pooled(verdicts), notFinite };
}

function alarmList({ alerts, incidents }: Verdict): string {
  const at = (ms: number) => new Date(ms).toISOString().slice(0, 19);
  return [
    ...alerts
      .filter(({ role }) => role === "false" || role === "wrong_kind" || role === "cold_start")
      .map(
        ({ role, stream, kind, part, atMs, habits, sentence }) =>
          `${role} ${stream} ${at(atMs)} ${kind}${part === "" ? "" : `/${part}`} [${habits}] ${sentence}`,
      ),
    ...incidents
      .filter(({ detectable, delaySeconds }) => detectable && delaySeconds === null)
      .map(
        ({ stream, fault, fromMs, nats }) =>
          `missed ${stream} ${at(fromMs)} ${fault} ${nats.toFixed(0)} nats`,
      ),
  ].join("\n");
}

function section(title: string, ...texts: string[]): void {
  out.push(`\n${title}\n${texts.join("\n\n")}`);
}

const measured: Measured = new Map();
let notFinite = 0;

const main = runStreams({ name: "main", structure, holidayDay: null, seeds });
notFinite += main.notFinite;
for (const [figure, value] of measuredOf(main.verdict)) measured.set(figure, value);
section(
  `Streams: seeds ${seeds.join(", ")} · ${days} days, ${WARM_UP_DAYS} of them warm-up · ${servicesPerTier} services a tier · ${structure}`,
  mainTable(main.verdict, measured),
  faultTable(main.verdict),
  habitTable(main.verdict),
);
if (values.alarms) section("Each of them", alarmList(main.verdict));

function runHoliday(): void {
  const run = { name: "holiday", structure: structure ?? "varied", holidayDay: HOLIDAY, seeds };
  const { verdict, notFinite: bad } = runStreams(run);
  notFinite += bad;
  for (const group of GROUPS) {
    measured.set(`holidayFalseAlarms.${group}`, figuresOf(verdict, group).falseAlarms);
  }
  section(
    "The same with a holiday",
    GROUPS.map((group) => {
      const { falseAlarms, falseAlarmCount, recall } = figuresOf(verdict, group);
      return `${group.padEnd(5)} ${shown(falseAlarms)} false alarms per series-day (${falseAlarmCount}), recall ${shown(recall)}`;
    }).join("\n"),
    habitTable(verdict),
  );
}

function runAbrupt(): void {
  const first = seeds.slice(0, 1);
  const { verdict, notFinite: bad } = runStreams({
    name: "abrupt",
    structure: "abrupt",
    holidayDay: null,
    seeds: first,
  });
  notFinite += bad;
  section(
    "Traffic that the clock switches on and off (no goals)",
    mainTable(verdict, new Map()),
    habitTable(verdict),
  );
  if (values.alarms) section("Each of them", alarmList(verdict));
}

function runSteadyMixes(): void {
  const services = values.quick ? 5 : 20;
  const results = STEADY_MIXES.map((mix) => {
    const result = runSteady(mix, { services, days: 7, seed: seeds[0] ?? "a" });
    progress(`steady, ${mix[0]} a minute at ${mix[1]}: ${result.alerts} alerts`);
    return result;
  });
  notFinite += results.flatMap((result) => result.notFinite).length;
  const alerts = results.reduce((sum, result) => sum + result.alerts, 0);
  const weeks = results.reduce((sum, { serviceWeeks }) => sum + serviceWeeks, 0);
  measured.set("steadyAlerts", alerts / weeks);
  section(
    "Steady traffic, alerts per service-week",
    results
      .map(
        ({ perMinute, errorShare, alerts, serviceWeeks }) =>
          `${String(perMinute).padStart(5)} a minute, ${(errorShare * 100).toFixed(1)} % errors: ${shown(alerts / serviceWeeks)}`,
      )
      .join("\n"),
  );
}

function runCausality(plan: Omit<StreamPlan, "tier">): void {
  const { cuts, decisions, violations } = causalityViolations(seeds[0] ?? "a", plan, 3);
  measured.set("causalityViolations", violations);
  progress(`causality: ${cuts} cuts, ${decisions} decisions, ${violations} violations`);
}

function runCosts(): void {
  const cost = measureCost(
    values.quick ? { rounds: 3, warmUpHours: 1 } : { rounds: 7, warmUpHours: 3 },
  );
  measured.set("costRatio", cost.ratio);
  measured.set("bytesPerService", measureBytes());
  progress("costs");
  section(
    "Cost",
    `detector ${cost.detectorNs.toFixed(0)} ns per service and step, plain z-score ${cost.plainNs.toFixed(1)} ns: ratio ${shown(cost.ratio)} (${cost.services} services)\n` +
      `${shown(measured.get("bytesPerService") ?? null)} bytes per service`,
  );
}

if (values.only !== "main") {
  runHoliday();
  runAbrupt();
  runSteadyMixes();
  runCausality({ structure, holidayDay: null, days: Math.min(days, 10), warmUpDays: 4 });
  runCosts();
}
measured.set("notFinite", notFinite);
section("Goals", goalTable(measured));

const missed = missedGoals(measured);
if (values.json) {
  const figures = Object.fromEntries(measured);
  process.stdout.write(
    `${JSON.stringify({ seeds, days, servicesPerTier, structure, figures, missed })}\n`,
  );
} else {
  process.stdout.write(`${out.join("\n").trimStart()}\n`);
}
if (missed.length > 0) {
  process.stderr.write(
    `${missed.length} goals missed:\n${missed.map((each) => `  ${each}\n`).join("")}`,
  );
  process.exitCode = 1;
}
progress("done");
