import { LevelIndex, STEP_MS } from "@tracer/core";
import { TemplateBook } from "../src/index.ts";
import { generate, START_MS, type Stream, type StreamPlan } from "./generator.ts";
import { DAY_STEPS, HOUR_STEPS, STEP_SECONDS } from "./habits.ts";
import { type Incident, LIMIT_NATS } from "./incidents.ts";
import { Random } from "./random.ts";
import { type Alert, alertOf, notFiniteIn } from "./replay.ts";
import { judge, type Verdict } from "./scorer.ts";
import { TIERS, type Tier } from "./service.ts";
import { Vocabulary } from "./vocabulary.ts";

/** Services of a tier: lines cost more than counts. */
const NEW_KIND_SERVICES: Record<Tier, number> = { low: 12, mid: 3, high: 1 };
const DAYS = 8;
const WARM_UP_DAYS = 4;
const WARN_SHARE = 0.04;
const NEW_KINDS_A_DAY = 0.8;
/** No two things at once: this far from any other incident. */
const APART_STEPS = 2 * HOUR_STEPS;
/**
 * A healthy service writes at most one line in a thousand of a kind that it never wrote before. So says
 * whoever knows all of its kinds: each line of a new one is worth ln 1000, and three are worth finding.
 */
const NATS_PER_LINE = Math.log(1_000);

interface NewKind {
  readonly from: number;
  readonly end: number;
  readonly level: number;
  readonly perStep: number;
  readonly skeleton: string;
  lines: number;
  limitSeconds: number | null;
}

interface Writer {
  readonly stream: Stream;
  readonly random: Random;
  readonly vocabulary: Vocabulary;
  readonly newKinds: NewKind[];
}

export interface NewKindsResult {
  readonly verdict: Verdict;
  readonly notFinite: readonly string[];
  /** Lines written, and those of them that passed the sampler. */
  readonly lines: number;
  readonly passed: number;
  /** Per line that passed, for reading it and knowing its kind again. */
  readonly microsecondsPerLine: number;
}

/** Services that write lines, and now and then a kind of line that they never wrote before. */
export function runNewKinds(seed: string, services = NEW_KIND_SERVICES): NewKindsResult {
  const plan = {
    structure: "varied",
    days: DAYS,
    warmUpDays: WARM_UP_DAYS,
    holidayDay: null,
  } as const;
  const writers = TIERS.flatMap((tier) =>
    Array.from({ length: services[tier] }, (_, index) =>
      writerOf(`${seed}/lines/${tier}-${index}`, { ...plan, tier }),
    ),
  );
  const book = new TemplateBook();
  const alerts: Alert[] = [];
  const notFinite: string[] = [];
  const total = { lines: 0, passed: 0, ns: 0 };
  for (let step = 0; step < DAYS * DAY_STEPS; step += 1) {
    for (const [slot, writer] of writers.entries()) writeStep(book, slot, writer, step, total);
    // Steps are closed one step later: by then the lateness has passed.
    const closedMs = START_MS + step * STEP_MS;
    book.settle(() => closedMs);
    for (const transition of book.takeTransitions()) {
      notFinite.push(...notFiniteIn(transition.signal));
      if (transition.state !== "changed") alerts.push(alertOf(transition, transition.state));
    }
  }
  const streams = writers.map(({ stream, newKinds }) => ({
    ...stream,
    incidents: [...stream.incidents, ...newKinds.map(incidentOf)],
  }));
  const { lines, passed, ns } = total;
  return {
    verdict: judge(streams, alerts, { days: DAYS, warmUpDays: WARM_UP_DAYS }),
    notFinite,
    lines,
    passed,
    microsecondsPerLine: ns / 1_000 / passed,
  };
}

function writerOf(name: string, plan: StreamPlan): Writer {
  const stream = generate(name, plan);
  const random = new Random(`${name}/words`);
  const vocabulary = new Vocabulary(random);
  const newKinds: NewKind[] = [];
  for (let day = WARM_UP_DAYS; day < DAYS; day += 1) {
    if (!random.chance(NEW_KINDS_A_DAY)) continue;
    const from = day * DAY_STEPS + Math.floor(random.between(1, 22) * HOUR_STEPS);
    const end = from + Math.round(random.between(300, 2_400) / STEP_SECONDS);
    const taken = [...stream.incidents, ...newKinds];
    if (taken.some((each) => from < each.end + APART_STEPS && end > each.from - APART_STEPS)) {
      continue;
    }
    const level = random.pick([
      LevelIndex.error,
      LevelIndex.error,
      LevelIndex.warn,
      LevelIndex.info,
    ]);
    // At level info a new kind matters when it is much of what a service says.
    const perStep =
      level === LevelIndex.info
        ? stream.service.recordsPerStep * random.between(1, 3)
        : (random.logBetween(0.2, 20) * STEP_SECONDS) / 60;
    const skeleton = vocabulary.newKind(level);
    newKinds.push({ from, end, level, perStep, skeleton, lines: 0, limitSeconds: null });
  }
  return { stream, random, vocabulary, newKinds };
}

interface Total {
  lines: number;
  passed: number;
  ns: number;
}

function writeStep(book: TemplateBook, slot: number, writer: Writer, step: number, total: Total) {
  const { stream, random, vocabulary, newKinds } = writer;
  const records = stream.records[step] ?? 0;
  const errors = stream.errors[step] ?? 0;
  const warns = random.poisson((records - errors) * WARN_SHARE);
  const startMs = START_MS + step * STEP_MS;
  const news: NewKind[] = [];
  for (const kind of newKinds) {
    if (step < kind.from || step >= kind.end) continue;
    for (let left = random.poisson(kind.perStep); left > 0; left -= 1) news.push(kind);
  }
  const count = Math.max(records, errors + warns) + news.length;
  let newLeft = news.length;
  for (let line = 0; line < count; line += 1) {
    const atMs = startMs + Math.floor((STEP_MS * line) / count);
    // New lines come spread among the others, which follow errors first.
    const isNew = newLeft > 0 && random.chance(newLeft / (count - line));
    const kind = isNew ? news[newLeft - 1] : undefined;
    if (isNew) newLeft -= 1;
    const place = line - (news.length - newLeft);
    const usual = levelAt(place, errors, warns);
    const level = kind?.level ?? usual;
    const weight = book.weigh(slot, atMs, level);
    total.lines += 1;
    if (kind !== undefined) {
      kind.lines += 1;
      if (kind.lines * NATS_PER_LINE >= LIMIT_NATS) {
        kind.limitSeconds ??= (step - kind.from + 1) * STEP_SECONDS;
      }
    }
    if (weight === 0) continue;
    const message = kind === undefined ? vocabulary.line(level) : vocabulary.fill(kind.skeleton);
    const began = process.hrtime.bigint();
    book.add(slot, atMs, level, message, weight);
    total.ns += Number(process.hrtime.bigint() - began);
    total.passed += 1;
  }
}

function levelAt(place: number, errors: number, warns: number): number {
  if (place < errors) return LevelIndex.error;
  return place < errors + warns ? LevelIndex.warn : LevelIndex.info;
}

function incidentOf({ from, end, level, lines, limitSeconds }: NewKind): Incident {
  const fault =
    level === LevelIndex.error
      ? "new_error"
      : level === LevelIndex.warn
        ? "new_warning"
        : "new_info";
  return {
    ...{ fault, kind: "template", from, end, limitSeconds },
    ...{ errorShare: 0, rampSteps: 0, rateFactor: 1, latencyFactor: 1 },
    nats: lines * NATS_PER_LINE,
  };
}
