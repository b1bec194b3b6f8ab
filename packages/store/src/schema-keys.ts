import { bigint, check, index, pgTable, sql, text, timestamp } from "./drizzle.ts";

const time = (name: string) => timestamp(name, { withTimezone: true, mode: "string" });

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
