import { jsonb, pgTable, text, timestamp } from "./drizzle.ts";

/** Small things that outlive a process, by name: sessions of providers, connected accounts, what people were told. */
export const kept = pgTable("kept", {
  name: text().primaryKey(),
  value: jsonb().notNull(),
  keptAt: timestamp("kept_at", { withTimezone: true, mode: "string" }).notNull(),
});
