import { index, integer, jsonb, pgTable, primaryKey, text, timestamp } from "./drizzle.ts";

const time = (name: string) => timestamp(name, { withTimezone: true, mode: "string" });

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
