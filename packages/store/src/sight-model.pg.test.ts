import { aSighting, createTestDatabase, passTime } from "@tracer/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Pool, serverTimeMs } from "./pool.ts";
import { heartbeat } from "./processors.ts";
import { acknowledge, clear, resolveByHand, resolveQuiet } from "./resolve.ts";
import { OUTCOMES, type Outcome, sight } from "./sight.ts";
import type { Sighting } from "./sighting.ts";
import { createSilence, expireSilence, listSilences } from "./silences.ts";

/**
 * The rules of the table in design and decision record, in memory. Time passes in steps of 4 s, ages of
 * sightings are 2 s off that, those of onsets 1 s, the options are odd: so no two instants that are compared are less than a second apart.
 */
const OPTIONS = { holdSeconds: 9, quietSeconds: 301, repeatSeconds: 121, channels: ["slack"] };
const CLEAR_SECONDS = 31;
const EDIT_SECONDS = 30;
const GAP_SECONDS = 3;
const ONSET_OPEN_SECONDS = 90;
const ONSET_EARLIER_SECONDS = 2;
const FLAP_SECONDS = 3_600;
const FLAP_CALM_SECONDS = 900;
const SEVERITIES = ["info", "warning", "error", "critical"] as const;

interface Step {
  readonly passSeconds: number;
  /** The processor's heartbeats came while the time passed; else the database was away. */
  readonly alive: boolean;
  readonly kind: "sight" | "clear" | "resolve" | "resolveByHand" | "ack" | "silence" | "expire";
  readonly ageSeconds: number;
  readonly onsetAgeSeconds: number;
  readonly severity: number;
  readonly hasNewText: boolean;
  /** Of a silence: how long, and the severity that it matches, null for any. */
  readonly silenceSeconds: number;
  readonly silenceSeverity: 1 | 2 | null;
}

interface Silence {
  readonly endsAt: number;
  readonly severity: number | null;
}

interface Row {
  epoch: number;
  open: boolean;
  severity: number;
  onsetAt: number;
  openedAt: number;
  lastSeenAt: number;
  holdUntil: number;
  expiresAt: number;
  repeatAt: number;
  editAfter: number;
  clearedAt: number | null;
  closedAt: number;
  reason: string;
  textPending: boolean;
  /** Severity that people were last told, -1 before they were. */
  announced: number;
  muted: boolean;
  flapping: boolean;
  acked: boolean;
  opens: number[];
}

class Model {
  now = 0;
  aliveSince = 0;
  row: Row | null = null;
  /** Messages in order: epoch and action, edits left out. */
  readonly messages: string[] = [];
  silences: Silence[] = [];
  /** When they were last ended by hand. */
  expiredAt = Number.NEGATIVE_INFINITY;
  held = 0;

  /** How long passed: 4 s more than was asked for as long as two instants would be one. */
  pass({ passSeconds, alive }: Step): number {
    const before = this.now;
    this.now += passSeconds;
    while (this.#isTie()) this.now += 4;
    if (!alive && this.now - before > GAP_SECONDS) this.aliveSince = this.now;
    return this.now - before;
  }

  #isTie(): boolean {
    const { row, now } = this;
    if (this.expiredAt === now) return true;
    return row?.expiresAt === now || (row?.opens ?? []).includes(now - FLAP_SECONDS);
  }

  sight(step: Step): Outcome {
    const { now, row } = this;
    const asked = this.#outcome(step);
    const fresh = asked === "created";
    const severity = fresh ? step.severity : Math.max(row?.severity ?? 0, step.severity);
    const looks = asked !== "late" && (asked !== "duplicate" || row?.muted === true);
    const silenced =
      looks &&
      this.silences.some(
        (silence) =>
          silence.endsAt > now && (silence.severity === null || silence.severity === severity),
      );
    const outcome = silenced || fresh ? asked : this.#unmuted(asked, severity);
    if (silenced && outcome !== "duplicate" && (outcome !== "update" || (row?.announced ?? 0) >= 0))
      this.held += 1;
    if (fresh) this.#open(step, silenced);
    else if (row !== null && outcome !== "late") this.#seen(row, outcome, step, silenced);
    return outcome;
  }

  #unmuted(asked: Outcome, severity: number): Outcome {
    const { row } = this;
    if (row === null || !row.muted || asked === "late") return asked;
    if (row.announced < 0) return "unmuted";
    if (severity > row.announced) return "escalated";
    return row.acked ? asked : "repeat";
  }

  #open({ severity, ageSeconds, onsetAgeSeconds }: Step, silenced: boolean): void {
    const { now, row } = this;
    const seenAt = now - ageSeconds;
    if (row?.open && row.announced >= 0) this.messages.push(`${row.epoch} resolve`);
    const opens = [...(row?.opens ?? []), now].slice(-3);
    this.row = {
      epoch: (row?.epoch ?? 0) + 1,
      open: true,
      severity,
      onsetAt: now - onsetAgeSeconds,
      openedAt: now,
      lastSeenAt: seenAt,
      holdUntil: now + OPTIONS.holdSeconds,
      expiresAt: Math.max(seenAt + OPTIONS.quietSeconds, now + OPTIONS.holdSeconds),
      repeatAt: now + OPTIONS.repeatSeconds,
      editAfter: now + EDIT_SECONDS,
      clearedAt: null,
      closedAt: 0,
      reason: "",
      textPending: false,
      announced: silenced ? -1 : severity,
      muted: silenced,
      flapping: opens.length === 3 && (opens[0] ?? 0) > now - FLAP_SECONDS,
      acked: false,
      opens,
    };
    if (!silenced) this.messages.push(`${this.row.epoch} open`);
  }

  #outcome({ ageSeconds, onsetAgeSeconds, severity, hasNewText }: Step): Outcome {
    const { now, row } = this;
    if (row === null) return "created";
    if (!row.open) {
      if (now - ageSeconds < row.closedAt) return "late";
      return row.reason !== "quiet" && now - onsetAgeSeconds < row.closedAt ? "late" : "created";
    }
    const began = now - onsetAgeSeconds;
    if (now >= row.expiresAt && now >= row.holdUntil && began > row.lastSeenAt) return "created";
    if (severity > row.severity) return "escalated";
    if (now >= row.holdUntil && now >= row.repeatAt && !row.acked) return "repeat";
    return now >= row.editAfter && (row.textPending || hasNewText) ? "update" : "duplicate";
  }

  #seen(row: Row, outcome: Outcome, step: Step, silenced: boolean): void {
    const seenAt = this.now - step.ageSeconds;
    row.severity = Math.max(row.severity, step.severity);
    row.lastSeenAt = Math.max(row.lastSeenAt, seenAt);
    if (row.clearedAt === null || seenAt > row.clearedAt) {
      row.clearedAt = null;
      row.expiresAt = Math.max(row.expiresAt, seenAt + OPTIONS.quietSeconds);
    }
    const told = outcome !== "duplicate" && !silenced;
    const onsetAt = this.now - step.onsetAgeSeconds;
    const isEarlier =
      this.now < row.openedAt + ONSET_OPEN_SECONDS && onsetAt < row.onsetAt - ONSET_EARLIER_SECONDS;
    if (isEarlier) row.onsetAt = onsetAt;
    row.textPending = !told && (row.textPending || step.hasNewText || isEarlier);
    if (!silenced) row.muted = false;
    if (outcome === "duplicate") return;
    row.editAfter = this.now + EDIT_SECONDS;
    if (outcome === "update") return;
    row.repeatAt = this.now + OPTIONS.repeatSeconds;
    if (silenced) {
      row.muted = true;
      return;
    }
    row.announced = row.severity;
    const action = { unmuted: "open", escalated: "escalate" }[String(outcome)] ?? "repeat";
    this.messages.push(`${row.epoch} ${action}`);
  }

  clear(): void {
    if (!this.row?.open) return;
    this.row.clearedAt = this.now;
    this.row.expiresAt = this.row.flapping
      ? this.now + FLAP_CALM_SECONDS
      : Math.min(this.row.expiresAt, this.now + CLEAR_SECONDS);
  }

  resolve(): void {
    const { row, now } = this;
    if (!row?.open || now < row.expiresAt || now < row.holdUntil) return;
    if (row.clearedAt === null && now - this.aliveSince < OPTIONS.quietSeconds) return;
    this.#close(row, row.clearedAt ?? now, row.clearedAt === null ? "quiet" : "clear");
  }

  resolveByHand(): void {
    if (!this.row?.open) return;
    this.#close(this.row, this.now, "manual");
    this.row.opens = [];
  }

  #close(row: Row, closedAt: number, reason: string): void {
    Object.assign(row, { open: false, closedAt, reason });
    if (row.announced >= 0) this.messages.push(`${row.epoch} resolve`);
  }
}

const steps = fc.array(
  fc.record<Step>({
    passSeconds: fc.constantFrom(0, 4, 8, 12, 28, 32, 100, 300, 304, 1_200),
    alive: fc.constantFrom(true, true, true, false),
    kind: fc.constantFrom(
      ...(["sight", "sight", "sight", "sight", "sight", "clear", "clear", "resolve"] as const),
      ...(["resolve", "resolveByHand", "ack", "silence", "expire"] as const),
    ),
    ageSeconds: fc.constantFrom(2, 2, 2, 6, 34, 402),
    onsetAgeSeconds: fc.constantFrom(5, 9, 41, 401, 2_001),
    severity: fc.constantFrom(1, 1, 1, 2, 3),
    hasNewText: fc.boolean(),
    silenceSeconds: fc.constantFrom(62, 402),
    silenceSeverity: fc.constantFrom(null, null, 1, 2),
  }),
  { minLength: 30, maxLength: 60 },
);

/** What a step does to the database. */
async function act(pool: Pool, step: Step, { sighting, id }: { sighting: Sighting; id: string }) {
  switch (step.kind) {
    case "sight":
      return sight(pool, [sighting], OPTIONS);
    case "clear":
      return clear(pool, [sighting.key], { clearSeconds: CLEAR_SECONDS });
    case "resolve":
      return resolveQuiet(pool, {
        watch: { processorId: "p1", quietSeconds: OPTIONS.quietSeconds },
      });
    case "resolveByHand":
      return resolveByHand(pool, id);
    case "ack":
      return acknowledge(pool, { incidentId: id, by: "ann" });
    case "silence":
      return createSilence(pool, {
        ...{ project: "default", reason: "r", by: "t", ends: { inSeconds: step.silenceSeconds } },
        matchers: {
          service: `${sighting.key.service.slice(0, 3)}*`,
          ...(step.silenceSeverity === null
            ? {}
            : { severity: SEVERITIES[step.silenceSeverity] ?? "info" }),
        },
      });
    case "expire":
      for (const silence of (await listSilences(pool, ALL_SILENCES)).silences) {
        await expireSilence(pool, { id: silence.id, project: "default" });
      }
      return;
    default:
      return step.kind satisfies never;
  }
}

const ALL_SILENCES = { project: "default", state: "all", limit: 100 } as const;

function sightingOf(step: Step, service: string): Sighting {
  return aSighting({
    ...{ service, occurrences: 0, hasNewText: step.hasNewText },
    severity: SEVERITIES[step.severity] ?? "info",
    ageMs: step.ageSeconds * 1e3,
    onsetAgeMs: step.onsetAgeSeconds * 1e3,
  });
}

/** What a step does to the model; of a sighting, what it comes to. */
function actOnModel(model: Model, step: Step): Outcome | null {
  switch (step.kind) {
    case "sight":
      return model.sight(step);
    case "silence":
      model.silences.push({
        endsAt: model.now + step.silenceSeconds,
        severity: step.silenceSeverity,
      });
      return null;
    case "expire":
      model.silences = [];
      model.expiredAt = model.now;
      return null;
    case "ack":
      if (model.row?.open) model.row.acked = true;
      return null;
    default:
      model[step.kind]();
      return null;
  }
}

const STILL_MS_MAX = 1_500;

async function forgetAll(pool: Pool): Promise<void> {
  await pool.query("truncate incidents, incident_history, outbox, processors, silences cascade");
}

test("the statement agrees with the model, whatever happens in whatever order", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const seen = new Set<string>();
  let [runs, compared, held, flapped] = [0, 0, 0, 0];
  const property = fc.asyncProperty(steps, async (sequence) => {
    runs += 1;
    const service = `run ${runs}`;
    const model = new Model();
    let id = "";
    let lastMs = await serverTimeMs(pool);
    let stoodStill = false;
    for (const step of sequence) {
      const passedSeconds = model.pass(step);
      // The model's time, not that of this machine: what really passed is taken back.
      const nowMs = await serverTimeMs(pool);
      await passTime(pool, passedSeconds - (nowMs - lastMs) / 1e3);
      lastMs = nowMs;
      if (step.alive) await pool.query("update processors set heartbeat_at = clock_timestamp()");
      await heartbeat(pool, "p1");
      const expected = actOnModel(model, step);
      const done = await act(pool, step, { sighting: sightingOf(step, service), id });
      // The margins are two seconds: when this machine stood still for that long, the model cannot know.
      if ((await serverTimeMs(pool)) - nowMs > STILL_MS_MAX) stoodStill = true;
      if (stoodStill) break;
      if (expected === null) continue;
      const [result] = Array.isArray(done) ? done : [];
      expect(result).toMatchObject({ outcome: expected, epoch: model.row?.epoch });
      id = result?.incidentId ?? "";
      seen.add(expected);
    }
    if (stoodStill) return void (await forgetAll(pool));
    compared += 1;
    const { rows } = await pool.query(
      `select epoch || ' ' || action as message from outbox
       where incident ->> 'service' = $1 and action <> 'edit' order by epoch, seq`,
      [service],
    );
    expect(rows.map(({ message }) => message)).toEqual(model.messages);
    const { muted, flapping, onsetAt = 0, openedAt = 0 } = model.row ?? {};
    const state = await pool.query(`select muted, flapping,
      round(extract(epoch from opened_at - onset_at))::int as onset from incidents`);
    const expected = { muted, flapping, onset: openedAt - onsetAt };
    expect(state.rows).toEqual(model.row === null ? [] : [expected]);
    const { silences } = await listSilences(pool, ALL_SILENCES);
    expect(silences.reduce((sum, silence) => sum + silence.held, 0)).toBe(model.held);
    [held, flapped] = [held + model.held, flapped + (flapping ? 1 : 0)];
    await forgetAll(pool);
  });
  await fc.assert(property, { seed: 7, numRuns: 15, endOnFailure: true });
  expect(compared).toBeGreaterThan(10);
  expect([held, flapped].every((count) => count > 0)).toBe(true);
  expect([...seen].toSorted()).toEqual([...OUTCOMES].toSorted());
});
