import { aSighting, createTestDatabase, passTime } from "@tracer/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Pool, serverTimeMs } from "./pool.ts";
import { ReadFirst } from "./read-first.ts";
import { clear, resolveByHand, resolveQuiet } from "./resolve.ts";
import { type SightResult, sight } from "./sight.ts";

const SIGHT_OPTIONS = {
  holdSeconds: 9,
  quietSeconds: 301,
  repeatSeconds: 121,
  channels: ["slack"],
};
const CLEAR_SECONDS = 31;
const SEVERITIES = ["warning", "error", "critical"] as const;
const COLUMNS = "epoch, state, severity, close_reason, cleared_at is null as cleared, channels";
/** What a message that another processor had sent in between may have counted differently. */
const COUNTED =
  "occurrences::int, announced_occurrences::int, peak, announced_peak, text_pending, seq, title";

interface Step {
  readonly kind: "here" | "there" | "flush" | "clear" | "resolve" | "resolveByHand" | "pass";
  readonly passSeconds: number;
  readonly severity: number;
  readonly occurrences: number;
  readonly peak: number;
  readonly onsetAgeSeconds: number;
  readonly ageSeconds: number;
  readonly hasNewText: boolean;
}

const steps = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom(
      ...([
        "here",
        "here",
        "here",
        "here",
        "here",
        "here",
        "there",
        "flush",
        "clear",
        "pass",
      ] as const),
      ...(["pass", "resolve", "resolveByHand"] as const),
    ),
    // Odd, as in the test of the statement's model: no two instants that are compared are close.
    passSeconds: fc.constantFrom(4, 8, 32, 32, 32, 32, 100, 304),
    severity: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1, 2),
    occurrences: fc.constantFrom(0, 1, 1, 2, 3),
    peak: fc.constantFrom(1, 1, 1, 2, 3),
    onsetAgeSeconds: fc.constantFrom(3, 11, 41, 41, 401),
    ageSeconds: fc.constantFrom(2, 2, 2, 6),
    hasNewText: fc.constantFrom(...Array.from({ length: 9 }, () => false), true),
  }),
  { minLength: 30, maxLength: 60 },
);

/** The same done to two services: `read` through the gate, `plain` by the statement. */
class Pair {
  readonly #pool: Pool;
  readonly #run: number;
  readonly gate: ReadFirst;
  readonly read = new Set<string>();
  nowMs = 0;
  ids: readonly string[] = [];

  constructor(pool: Pool, run: number) {
    this.#pool = pool;
    this.#run = run;
    this.gate = new ReadFirst({
      db: pool,
      sightOptions: SIGHT_OPTIONS,
      monotonicMs: () => this.nowMs,
    });
  }

  sightings(step: Step, title: string) {
    return ["read", "plain"].map((world) =>
      aSighting({
        service: `${world} ${this.#run}`,
        title,
        severity: SEVERITIES[step.severity] ?? "warning",
        occurrences: step.occurrences,
        peak: step.peak,
        ageMs: step.ageSeconds * 1e3,
        onsetAgeMs: Math.max(step.ageSeconds, step.onsetAgeSeconds) * 1e3,
        hasNewText: step.hasNewText,
      }),
    );
  }

  async sight(step: Step, title: string): Promise<readonly SightResult[]> {
    const sightings = this.sightings(step, title);
    const [read, plain] = [sightings.slice(0, 1), sightings.slice(1)];
    const before = this.gate.heldCount;
    const results =
      step.kind === "here"
        ? [...(await this.gate.sight(read)), ...(await sight(this.#pool, plain, SIGHT_OPTIONS))]
        : await sight(this.#pool, sightings, SIGHT_OPTIONS);
    this.ids = results.map(({ incidentId }) => incidentId);
    if (this.gate.heldCount > before) this.read.add("kept");
    return results;
  }

  async take(step: Step, title: string): Promise<readonly SightResult[]> {
    if (step.kind === "here" || step.kind === "there") return this.sight(step, title);
    // A sighting is kept for a second at the most, and never beyond the end that its own processor sends.
    await this.gate.flush();
    const keys = this.sightings(step, title).map(({ key }) => key);
    if (step.kind === "clear") await clear(this.#pool, keys, { clearSeconds: CLEAR_SECONDS });
    if (step.kind === "resolve") await resolveQuiet(this.#pool);
    if (step.kind === "resolveByHand") {
      for (const id of this.ids) await resolveByHand(this.#pool, id);
    }
    return [];
  }

  async state(columns: string, without: string) {
    const services = [`read ${this.#run}`, `plain ${this.#run}`];
    const { rows } = await this.#pool.query<{ row: unknown }>(
      `select (select to_jsonb(i) from (select ${columns} from incidents where service = s.name) i) as incident,
         (select string_agg(epoch || ' ' || action || case when $2 = '' then ' ' || seq || ' ' || (incident ->> 'occurrences') else '' end, ', ' order by epoch, seq)
           from outbox where incident ->> 'service' = s.name and action <> $2) as messages
       from unnest($1::text[]) with ordinality as s(name, place) order by place`,
      [services, without],
    );
    return rows;
  }
}

async function check(pool: Pool, run: number, sequence: readonly Step[], alone: boolean) {
  const pair = new Pair(pool, run);
  const told = new Set<string>();
  let lastMs = await serverTimeMs(pool);
  for (const [index, drawn] of sequence.entries()) {
    const step: Step = alone && drawn.kind === "there" ? { ...drawn, kind: "here" } : drawn;
    const [read, plain] = await pair.take(step, `title ${index}`);
    if (alone) expect(read?.outcome, `step ${index}`).toBe(plain?.outcome);
    expect(read?.epoch, `step ${index}`).toBe(plain?.epoch);
    for (const result of [read, plain]) if (result !== undefined) told.add(result.outcome);
    const passMs = step.kind === "pass" ? step.passSeconds * 1e3 : 0;
    const nowMs = await serverTimeMs(pool);
    // Only the time of the steps passes: what really passed is taken back.
    await passTime(pool, (passMs - (nowMs - lastMs)) / 1e3);
    lastMs = nowMs;
    pair.nowMs += passMs;
  }
  await pair.gate.flush();
  const [read, plain] = await (alone
    ? pair.state(`${COLUMNS}, ${COUNTED}`, "")
    : pair.state(`${COLUMNS}, occurrences::int, peak`, "edit"));
  expect(read).toEqual(plain);
  return { told, kept: pair.read.size > 0 };
}

test.each([
  { name: "alone: to the last count and edit", alone: true, seed: 11 },
  { name: "with another processor: but for when edits are made", alone: false, seed: 12 },
])("read first ends as the statement alone does, $name", async ({ alone, seed }) => {
  await using database = await createTestDatabase();
  const seen = new Set<string>();
  let runs = 0;
  let kept = 0;
  const property = fc.asyncProperty(steps, async (sequence) => {
    runs += 1;
    const result = await check(database.pool, runs, sequence, alone);
    for (const outcome of result.told) seen.add(outcome);
    if (result.kept) kept += 1;
    await database.pool.query("truncate incidents, incident_history, outbox cascade");
  });
  await fc.assert(property, { seed, numRuns: 12, endOnFailure: true });
  const all = ["late", "created", "escalated", "repeat", "update", "duplicate"];
  expect([...seen].toSorted()).toEqual(all.toSorted());
  expect(kept).toBeGreaterThan(6);
});
