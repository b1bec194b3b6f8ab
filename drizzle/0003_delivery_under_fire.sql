CREATE TABLE "deploys" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "deploys_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"project" text NOT NULL,
	"environment" text NOT NULL,
	"service" text NOT NULL,
	"version" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"created_by" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "leases" (
	"name" text PRIMARY KEY NOT NULL,
	"holder" text NOT NULL,
	"until" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "silences" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "silences_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"project" text NOT NULL,
	"service" text,
	"kind" text,
	"severity" text,
	"template" text,
	"reason" text NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"starts_at" timestamp with time zone NOT NULL,
	"ends_at" timestamp with time zone NOT NULL,
	"held" bigint DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE UNLOGGED TABLE "step_counts" (
	"processor_id" text NOT NULL,
	"flush" bigint NOT NULL,
	"flushed_at" timestamp with time zone NOT NULL,
	"counts" jsonb NOT NULL,
	CONSTRAINT "step_counts_processor_id_flush_pk" PRIMARY KEY("processor_id","flush")
);
--> statement-breakpoint
ALTER TABLE "incidents" ADD COLUMN "muted" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "incidents" ADD COLUMN "announced_severity" smallint;--> statement-breakpoint
ALTER TABLE "incidents" ADD COLUMN "silence_id" bigint;--> statement-breakpoint
ALTER TABLE "incidents" ADD COLUMN "recent_opens" timestamp with time zone[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "incidents" ADD COLUMN "flapping" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "incidents" ADD COLUMN "deploy" jsonb;--> statement-breakpoint
ALTER TABLE "outbox" ADD COLUMN "digest" uuid;--> statement-breakpoint
CREATE INDEX "deploys_service" ON "deploys" USING btree ("project","environment","service","at");--> statement-breakpoint
CREATE INDEX "deploys_at" ON "deploys" USING btree ("at");--> statement-breakpoint
CREATE INDEX "silences_ends" ON "silences" USING btree ("ends_at");--> statement-breakpoint
CREATE INDEX "step_counts_flushed" ON "step_counts" USING btree ("flushed_at");--> statement-breakpoint
CREATE INDEX "outbox_ended" ON "outbox" USING btree ("created_at") WHERE "outbox"."state" in ('sent', 'dropped', 'dead');--> statement-breakpoint
CREATE INDEX "outbox_digest" ON "outbox" USING btree ("digest") WHERE "outbox"."digest" is not null;