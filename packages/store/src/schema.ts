import {
  bigint,
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  real,
  smallint,
  sql,
  text,
  timestamp,
  unique,
  uniqueIndex,
  uuid,
} from "./drizzle.ts";

const time = (name: string) => timestamp(name, { withTimezone: true, mode: "string" });

/**
 * One row per fingerprint: the reservation, and the newest epoch of the incident. Moves, all in
 * `sight.ts` and `resolve.ts`: (no row) → open → resolved → open with the next epoch.
 */
export const incidents = pgTable(
  "incidents",
  {
    fingerprint: text().primaryKey(),
    project: text().notNull(),
    environment: text().notNull(),
    service: text().notNull(),
    kind: text().notNull(),
    part: text().notNull(),
    epoch: integer().notNull(),
    state: text().notNull(),
    /** 0 info … 3 critical; rises within an epoch and never falls. */
    severity: smallint().notNull(),
    /** What the newest sighting came to, and the one clock reading that decided it. */
    outcome: text().notNull(),
    decidedAt: time("decided_at").notNull(),
    onsetAt: time("onset_at").notNull(),
    openedAt: time("opened_at").notNull(),
    lastSeenAt: time("last_seen_at").notNull(),
    /** Fixed when the epoch opens: a window that slides is never announced again. */
    holdUntil: time("hold_until").notNull(),
    /** Slides with every sighting. */
    expiresAt: time("expires_at").notNull(),
    renotifyAt: time("renotify_at").notNull(),
    editAfter: time("edit_after").notNull(),
    /** When a detector last said that it is over, unless somebody has sighted it since. */
    clearedAt: time("cleared_at"),
    closedAt: time("closed_at"),
    closeReason: text("close_reason"),
    ackedAt: time("acked_at"),
    ackedBy: text("acked_by"),
    occurrences: bigint({ mode: "number" }).notNull(),
    /** `occurrences` and `peak` as people were last told. */
    announcedOccurrences: bigint("announced_occurrences", { mode: "number" }).notNull(),
    peak: doublePrecision().notNull(),
    announcedPeak: doublePrecision("announced_peak").notNull(),
    /** Text has arrived that people have not been shown. */
    textPending: boolean("text_pending").notNull(),
    seq: integer().notNull(),
    title: text().notNull(),
    evidence: jsonb().notNull(),
    exemplars: jsonb().notNull(),
    /** Channels that were given a firing of this epoch, and so are owed its resolve. */
    channels: text().array().notNull(),
    /** The newest sighting's own: channels that it is for. */
    route: text().array().notNull().default(sql`'{}'`),
    /** The newest sighting's own: `EXCLUDED` carries them to the row lock, where the clock is. */
    ageMs: doublePrecision("age_ms").notNull(),
    onsetAgeMs: doublePrecision("onset_age_ms").notNull(),
    newText: boolean("new_text").notNull(),
    /** The epoch that the newest sighting closed by opening the next one; else null. */
    superseded: jsonb(),
    /** Something that people should hear waits until the silence that held it back is over. */
    muted: boolean().notNull().default(false),
    /** As people of this epoch were last told, -1 before they were; null in rows of an earlier version. */
    announcedSeverity: smallint("announced_severity"),
    /** The silence that held back the newest message; null when none did. */
    silenceId: bigint("silence_id", { mode: "number" }),
    /** When the newest epochs opened, oldest first, at most three. */
    recentOpens: timestamp("recent_opens", { withTimezone: true, mode: "string" })
      .array()
      .notNull()
      .default(sql`'{}'`),
    /** It opened three times within an hour: it stays open until it is calm for long. */
    flapping: boolean().notNull().default(false),
    /** The newest deploy of the service before the onset: `{version, at}`; null when none was marked. */
    deploy: jsonb(),
  },
  (table) => [
    check("incidents_state", sql`${table.state} in ('open', 'resolved')`),
    check("incidents_severity", sql`${table.severity} between 0 and 3`),
    // No indexed column changes with a sighting, so that sightings stay heap-only updates.
    index("incidents_open").on(table.fingerprint).where(sql`${table.state} = 'open'`),
    index("incidents_open_service")
      .on(table.project, table.service)
      .where(sql`${table.state} = 'open'`),
    index("incidents_closed").on(table.closedAt).where(sql`${table.state} = 'resolved'`),
  ],
);

/** Every epoch that has ended, as it was at its end. */
export const incidentHistory = pgTable(
  "incident_history",
  {
    id: text().primaryKey(),
    fingerprint: text().notNull(),
    epoch: integer().notNull(),
    project: text().notNull(),
    service: text().notNull(),
    openedAt: time("opened_at").notNull(),
    closedAt: time("closed_at").notNull(),
    incident: jsonb().notNull(),
  },
  (table) => [
    unique("incident_history_epoch").on(table.fingerprint, table.epoch),
    index("incident_history_opened").on(table.openedAt, table.id),
    index("incident_history_closed").on(table.closedAt),
  ],
);

/**
 * One change on its way to one channel. Moves: pending → leased → sent | dead | pending (again later);
 * pending → dropped (an edit that something newer has overtaken); dead → pending (by hand).
 */
export const outbox = pgTable(
  "outbox",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    fingerprint: text().notNull(),
    epoch: integer().notNull(),
    seq: integer().notNull(),
    channel: text().notNull(),
    action: text().notNull(),
    state: text().notNull().default("pending"),
    incident: jsonb().notNull(),
    createdAt: time("created_at").notNull(),
    /** Pending: not before. Leased: the end of the lease. */
    dueAt: time("due_at").notNull(),
    /** After this a failure is final. */
    giveUpAt: time("give_up_at").notNull(),
    leaseToken: integer("lease_token").notNull().default(0),
    leasedBy: text("leased_by"),
    leasedAt: time("leased_at"),
    attempts: integer().notNull().default(0),
    receipt: jsonb(),
    sentAt: time("sent_at"),
    lastError: text("last_error"),
    /** The message that tells of this change together with others; null: it has one of its own. */
    digest: uuid(),
    /** The fall-back channel has been told of it, or need not be. */
    fellBack: boolean("fell_back").notNull().default(false),
    /** What it shares with others of its channel, of which one may be under way: see `group.ts`. */
    groupKey: text("group_key"),
    /** Which goes first when not all can: 0 critical, 1 any other change, 2 a reminder, 3 an edit. */
    urgency: smallint()
      .notNull()
      .generatedAlwaysAs(
        sql`case when action = 'edit' then 3 when action = 'repeat' then 2 when incident ->> 'severity' = 'critical' then 0 else 1 end`,
      ),
  },
  (table) => [
    check("outbox_state", sql`${table.state} in ('pending', 'leased', 'sent', 'dead', 'dropped')`),
    unique("outbox_change").on(table.fingerprint, table.epoch, table.seq, table.channel),
    uniqueIndex("outbox_edit")
      .on(table.fingerprint, table.epoch, table.channel)
      .where(sql`${table.action} = 'edit' and ${table.state} = 'pending'`),
    index("outbox_undone")
      .on(table.fingerprint, table.channel, table.epoch, table.seq)
      .where(sql`${table.state} in ('pending', 'leased')`),
    index("outbox_next")
      .on(table.channel, table.urgency, table.dueAt)
      .where(sql`${table.state} in ('pending', 'leased')`),
    index("outbox_dead").on(table.id).where(sql`${table.state} = 'dead'`),
    index("outbox_dead_untold")
      .on(table.createdAt)
      .where(
        sql`${table.state} = 'dead' and ${table.action} in ('open', 'escalate') and not ${table.fellBack}`,
      ),
    index("outbox_ended")
      .on(table.createdAt)
      .where(sql`${table.state} in ('sent', 'dropped', 'dead')`),
    index("outbox_digest").on(table.digest).where(sql`${table.digest} is not null`),
    uniqueIndex("outbox_group")
      .on(table.channel, table.groupKey)
      .where(sql`${table.state} = 'leased' and ${table.groupKey} is not null`),
    index("outbox_openings")
      .on(table.channel, table.createdAt)
      .where(sql`${table.action} = 'open'`),
    index("outbox_message")
      .on(table.channel, sql`(${table.receipt} ->> 'ts')`)
      .where(sql`${table.state} = 'sent' and ${table.receipt} ? 'ts'`),
  ],
);

/** One try, written before the send: a try without an end may have been sent. */
export const deliveryAttempts = pgTable(
  "delivery_attempts",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    deliveryId: bigint("delivery_id", { mode: "number" })
      .notNull()
      .references(() => outbox.id, { onDelete: "cascade" }),
    leaseToken: integer("lease_token").notNull(),
    processorId: text("processor_id").notNull(),
    startedAt: time("started_at").notNull(),
    endedAt: time("ended_at"),
    /** The verdict's kind; null while unknown. */
    outcome: text(),
    reason: text(),
  },
  (table) => [index("delivery_attempts_delivery").on(table.deliveryId)],
);

export const processors = pgTable("processors", {
  id: text().primaryKey(),
  startedAt: time("started_at").notNull(),
  heartbeatAt: time("heartbeat_at").notNull(),
  /** Since when its heartbeats have come without a gap; what it then waited for, it could have seen. */
  aliveSince: time("alive_since").notNull().default(sql`clock_timestamp()`),
});

/** Held by one processor at a time, until it is over by the database's clock. */
export const leases = pgTable("leases", {
  name: text().primaryKey(),
  holder: text().notNull(),
  until: time("until").notNull(),
});

/** What a processor counted since its last flush, for the others. Unlogged: it is worth an hour at the most. */
export const stepCounts = pgTable(
  "step_counts",
  {
    processorId: text("processor_id").notNull(),
    /** 1, 2, 3 … of this processor: whoever has read n asks for those after n. */
    flush: bigint({ mode: "number" }).notNull(),
    flushedAt: time("flushed_at").notNull(),
    counts: jsonb().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.processorId, table.flush] }),
    index("step_counts_flushed").on(table.flushedAt),
  ],
);

/** Keeps what matches from being told, from `starts_at` until `ends_at`. */
export const silences = pgTable(
  "silences",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    project: text().notNull(),
    /** Null matches everything; at least one is set. `*` in service and template stands for anything. */
    service: text(),
    kind: text(),
    severity: text(),
    template: text(),
    reason: text().notNull(),
    createdBy: text("created_by").notNull(),
    createdAt: time("created_at").notNull().default(sql`clock_timestamp()`),
    startsAt: time("starts_at").notNull(),
    endsAt: time("ends_at").notNull(),
    /** Messages that it kept from being sent. */
    held: bigint({ mode: "number" }).notNull().default(0),
  },
  (table) => [index("silences_ends").on(table.endsAt)],
);

/** Somebody said that a version went live. */
export const deploys = pgTable(
  "deploys",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    project: text().notNull(),
    environment: text().notNull(),
    service: text().notNull(),
    version: text().notNull(),
    at: time("at").notNull(),
    createdBy: text("created_by").notNull(),
  },
  (table) => [
    index("deploys_service").on(table.project, table.environment, table.service, table.at),
    index("deploys_at").on(table.at),
  ],
);

/**
 * Which incidents a model was asked about, and what it said. The row is the claim: whoever writes it asks, and
 * nobody else. Beside the incidents, so that their sightings stay as they are.
 */
export const triages = pgTable(
  "triages",
  {
    fingerprint: text().notNull(),
    epoch: integer().notNull(),
    claimedAt: time("claimed_at").notNull(),
    claimedBy: text("claimed_by").notNull(),
    /** Null while it is asked: `noted`, or why there is no note. */
    outcome: text(),
    note: jsonb(),
  },
  (table) => [
    primaryKey({ columns: [table.fingerprint, table.epoch] }),
    index("triages_claimed").on(table.claimedAt),
  ],
);

/** One row: when models were asked within the last hour, by all processors. */
export const triageBudget = pgTable("triage_budget", {
  id: integer().primaryKey(),
  calls: timestamp("calls", { withTimezone: true, mode: "string" }).array().notNull(),
});

export const projects = pgTable("projects", {
  name: text().primaryKey(),
  createdAt: time("created_at").notNull().default(sql`clock_timestamp()`),
});

export const apiKeys = pgTable(
  "api_keys",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    project: text()
      .notNull()
      .references(() => projects.name),
    label: text().notNull(),
    /** The first digits of the random part: finds the row, gives nothing away. */
    prefix: text().notNull(),
    /** SHA-256 of the whole key, hex. The key is random, so a slow hash would add nothing. */
    hash: text().notNull().unique(),
    scopes: text().array().notNull(),
    /** Every record that it sends counts as this service's; null: as the record says. */
    service: text(),
    createdAt: time("created_at").notNull().default(sql`clock_timestamp()`),
    createdBy: text("created_by"),
    /** Null: never. */
    expiresAt: time("expires_at"),
    /** To the minute. */
    lastUsedAt: time("last_used_at"),
    revokedAt: time("revoked_at"),
  },
  (table) => [
    index("api_keys_prefix").on(table.prefix),
    index("api_keys_project").on(table.project, table.id),
  ],
);

/** Somebody who has shown a key to the page. */
export const sessions = pgTable(
  "sessions",
  {
    /** SHA-256 of the token that the browser holds, hex. */
    tokenHash: text("token_hash").primaryKey(),
    /** Of a stored key; the session ends with it. */
    keyId: bigint("key_id", { mode: "number" }).references(() => apiKeys.id, {
      onDelete: "cascade",
    }),
    /** Of a key from the environment: SHA-256 over token and key, so that it says nothing about the key. */
    keyProof: text("key_proof"),
    createdAt: time("created_at").notNull().default(sql`clock_timestamp()`),
    expiresAt: time("expires_at").notNull(),
  },
  (table) => [
    check("sessions_key", sql`(${table.keyId} is null) <> (${table.keyProof} is null)`),
    index("sessions_expires").on(table.expiresAt),
    index("sessions_key_id").on(table.keyId),
  ],
);

/** Who did what. */
export const audit = pgTable(
  "audit",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    at: time("at").notNull().default(sql`clock_timestamp()`),
    project: text().notNull(),
    /** Name of the key, as people know it. */
    actor: text().notNull(),
    act: text().notNull(),
    /** Id or name of what it was done to; `""` where there is none. */
    subject: text().notNull(),
  },
  (table) => [index("audit_project").on(table.project, table.id), index("audit_at").on(table.at)],
);

/**
 * What the detector thought of a kind of signal of a service, from `at` (event time) until the next row of
 * the same; kept for a day. Narrow, because there are many: no id, and the names of a service only as a hash.
 */
export const decisions = pgTable(
  "decisions",
  {
    /** The first 128 bits of SHA-256 over project, environment and service. */
    series: uuid().notNull(),
    /** Start of the minute that was looked at, or the moment of a transition. */
    at: time("at").notNull(),
    /** From here to `at` minutes passed that nobody looked at; null when there were none. */
    unseenFrom: time("unseen_from"),
    recordedAt: time("recorded_at").notNull(),
    kind: text().notNull(),
    part: text().notNull(),
    state: text().notNull(),
    evidence: real(),
    peakEvidence: real("peak_evidence"),
    bar: real(),
    observed: real(),
    expected: real(),
    expectedLow: real("expected_low"),
    expectedHigh: real("expected_high"),
    why: text().notNull(),
  },
  (table) => [
    index("decisions_series").on(table.series, table.at),
    // All rows of a flush have one time, so that the index is small.
    index("decisions_recorded").on(table.recordedAt),
  ],
);
