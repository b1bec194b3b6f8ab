ALTER TABLE "outbox" ADD COLUMN "group_key" text;--> statement-breakpoint
CREATE INDEX "incidents_open_service" ON "incidents" USING btree ("project","service") WHERE "incidents"."state" = 'open';--> statement-breakpoint
CREATE UNIQUE INDEX "outbox_group" ON "outbox" USING btree ("channel","group_key") WHERE "outbox"."state" = 'leased' and "outbox"."group_key" is not null;--> statement-breakpoint
CREATE INDEX "outbox_openings" ON "outbox" USING btree ("channel","created_at") WHERE "outbox"."action" = 'open';--> statement-breakpoint
CREATE INDEX "outbox_message" ON "outbox" USING btree ("channel",("receipt" ->> 'ts')) WHERE "outbox"."state" = 'sent' and "outbox"."receipt" ? 'ts';