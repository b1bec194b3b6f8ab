DROP INDEX "outbox_due";--> statement-breakpoint
ALTER TABLE "outbox" ADD COLUMN "urgency" smallint GENERATED ALWAYS AS (case when action = 'edit' then 3 when action = 'repeat' then 2 when incident ->> 'severity' = 'critical' then 0 else 1 end) STORED NOT NULL;--> statement-breakpoint
ALTER TABLE "processors" ADD COLUMN "alive_since" timestamp with time zone DEFAULT clock_timestamp() NOT NULL;--> statement-breakpoint
CREATE INDEX "outbox_next" ON "outbox" USING btree ("channel","urgency","due_at") WHERE "outbox"."state" in ('pending', 'leased');