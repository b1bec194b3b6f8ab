import { aSighting, createTestDatabase, passTime } from "@tracer/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { serverTimeMs } from "./pool.ts";
import { heartbeat } from "./processors.ts";
import { clear, resolveByHand, resolveQuiet } from "./resolve.ts";
import { type Outcome, sight } from "./sight.ts";

/**
 * The rules of the table in design and decision record, in memory. Time passes in steps of 4 s, ages of
 * sightings are 2 s off that, those of onsets 1 s, the options are odd: so no two instants that are compared are less than a second apart.
 */
const OPTIONS = { holdSeconds: 9, quietSeconds: 301, repeatSeconds: 121, channels: ["slack"] };
const CLEAR_SECONDS = 31;
const EDIT_SECONDS = 30;
const GAP_SECONDS = 3;
const SEVERITIES = ["info", "warning", "error", "critical"] as const;

interface Step {
  readonly passSeconds: number;
  /** The processor's heartbeats came while the time passed; else the database was away. */
  readonly alive: boolean;
  readonly kind: "sight" | "clear" | "resolve" | "resolveByHand";
  readonly ageSeconds: number;
  readonly onsetAgeSeconds: number;
  readonly severity: number;
  readonly hasNewText: boolean;
}

interface Row {
  epoch: number;
  open: boolean;
  severity: number;
  lastSeenAt: number;
  holdUntil: number;
  expiresAt: number;
  repeatAt: number;
  editAfter: number;
  clearedAt: number | null;
  closedAt: number;
  reason: string;
  textPending: boolean;
}

class Model {
  now = 0;
  aliveSince = 0;
  row: Row | null = null;
  /** Messages in order: epoch and action, edits left out. */
  readonly messages: string[] = [];

  pass({ passSeconds, alive }: Step): void {
    this.now += passSeconds;
    if (!alive && passSeconds > GAP_SECONDS) this.aliveSince = this.now;
  }

  sight(step: Step): Outcome {
    const outcome = this.#outcome(step);
    const { now, row } = this;
    const seenAt = now - step.ageSeconds;
    if (outcome === "created") {
      if (row?.open) this.messages.push(`${row.epoch} resolve`);
      this.row = {
        epoch: (row?.epoch ?? 0) + 1,
        open: true,
        severity: step.severity,
        lastSeenAt: seenAt,
        holdUntil: now + OPTIONS.holdSeconds,
        expiresAt: Math.max(seenAt + OPTIONS.quietSeconds, now + OPTIONS.holdSeconds),
        repeatAt: now + OPTIONS.repeatSeconds,
        editAfter: now + EDIT_SECONDS,
        clearedAt: null,
        closedAt: 0,
        reason: "",
        textPending: false,
      };
      this.messages.push(`${this.row.epoch} open`);
    } else if (row !== null && outcome !== "late") {
      this.#seen(row, outcome, step, seenAt);
    }
    return outcome;
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
    if (now >= row.holdUntil && now >= row.repeatAt) return "repeat";
    return now >= row.editAfter && (row.textPending || hasNewText) ? "update" : "duplicate";
  }

  #seen(row: Row, outcome: Outcome, step: Step, seenAt: number): void {
    row.severity = Math.max(row.severity, step.severity);
    row.lastSeenAt = Math.max(row.lastSeenAt, seenAt);
    if (row.clearedAt === null || seenAt > row.clearedAt) {
      row.clearedAt = null;
      row.expiresAt = Math.max(row.expiresAt, seenAt + OPTIONS.quietSeconds);
    }
    row.textPending = outcome === "duplicate" && (row.textPending || step.hasNewText);
    if (outcome === "duplicate") return;
    row.editAfter = this.now + EDIT_SECONDS;
    if (outcome === "update") return;
    row.repeatAt = this.now + OPTIONS.repeatSeconds;
    this.messages.push(`${row.epoch} ${outcome === "escalated" ? "escalate" : "repeat"}`);
  }

  clear(): void {
    if (!this.row?.open) return;
    this.row.clearedAt = this.now;
    this.row.expiresAt = Math.min(this.row.expiresAt, this.now + CLEAR_SECONDS);
  }

  resolve(): void {
    const { row, now } = this;
    if (!row?.open || now < row.expiresAt || now < row.holdUntil) return;
    if (row.clearedAt === null && now - this.aliveSince < OPTIONS.quietSeconds) return;
    this.#close(row, row.clearedAt ?? now, row.clearedAt === null ? "quiet" : "clear");
  }

  resolveByHand(): void {
    if (this.row?.open) this.#close(this.row, this.now, "manual");
  }

  #close(row: Row, closedAt: number, reason: string): void {
    Object.assign(row, { open: false, closedAt, reason });
    this.messages.push(`${row.epoch} resolve`);
  }
}

const steps = fc.array(
  fc.record<Step>({
    passSeconds: fc.constantFrom(0, 4, 8, 12, 28, 32, 100, 300, 304, 1_200),
    alive: fc.constantFrom(true, true, true, false),
    kind: fc.constantFrom("sight", "sight", "sight", "sight", "clear", "resolve", "resolveByHand"),
    ageSeconds: fc.constantFrom(2, 2, 2, 6, 34, 402),
    onsetAgeSeconds: fc.constantFrom(5, 9, 41, 401, 2_001),
    severity: fc.constantFrom(1, 1, 1, 2, 3),
    hasNewText: fc.boolean(),
  }),
  { minLength: 30, maxLength: 60 },
);

test("the statement agrees with the model, whatever happens in whatever order", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const seen = new Set<string>();
  let runs = 0;
  const property = fc.asyncProperty(steps, async (sequence) => {
    runs += 1;
    const sighting = aSighting({ service: `run ${runs}` });
    const model = new Model();
    let id = "";
    let lastMs = await serverTimeMs(pool);
    for (const step of sequence) {
      // The model's time, not that of this machine: what really passed is taken back.
      const nowMs = await serverTimeMs(pool);
      await passTime(pool, step.passSeconds - (nowMs - lastMs) / 1e3);
      lastMs = nowMs;
      model.pass(step);
      if (step.alive) await pool.query("update processors set heartbeat_at = clock_timestamp()");
      await heartbeat(pool, "p1");
      if (step.kind === "sight") {
        const [result] = await sight(
          pool,
          [
            {
              ...sighting,
              occurrences: 0,
              severity: SEVERITIES[step.severity] ?? "info",
              ageMs: step.ageSeconds * 1e3,
              onsetAgeMs: step.onsetAgeSeconds * 1e3,
              hasNewText: step.hasNewText,
            },
          ],
          OPTIONS,
        );
        expect(result?.outcome).toBe(model.sight(step));
        expect(result?.epoch).toBe(model.row?.epoch);
        id = result?.incidentId ?? "";
        seen.add(result?.outcome ?? "");
      } else if (step.kind === "clear") {
        model.clear();
        await clear(pool, [sighting.key], { clearSeconds: CLEAR_SECONDS });
      } else if (step.kind === "resolve") {
        model.resolve();
        await resolveQuiet(pool, {
          watch: { processorId: "p1", quietSeconds: OPTIONS.quietSeconds },
        });
      } else {
        model.resolveByHand();
        await resolveByHand(pool, id);
      }
    }
    const { rows } = await pool.query(
      `select epoch || ' ' || action as message from outbox
       where incident ->> 'service' = $1 and action <> 'edit' order by epoch, seq`,
      [sighting.key.service],
    );
    expect(rows.map(({ message }) => message)).toEqual(model.messages);
    await pool.query("truncate incidents, incident_history, outbox, processors cascade");
  });
  await fc.assert(property, { seed: 7, numRuns: 15, endOnFailure: true });
  expect([...seen].toSorted()).toEqual(
    ["created", "duplicate", "escalated", "late", "repeat", "update"].toSorted(),
  );
});
