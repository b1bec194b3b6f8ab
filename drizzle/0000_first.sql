CREATE TABLE "api_keys" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "api_keys_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"project" text NOT NULL,
	"label" text NOT NULL,
	"prefix" text NOT NULL,
	"hash" text NOT NULL,
	"scopes" text[] NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"revoked_at" timestamp with time zone,
	CONSTRAINT "api_keys_hash_unique" UNIQUE("hash")
);
--> statement-breakpoint
CREATE TABLE "delivery_attempts" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "delivery_attempts_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"delivery_id" bigint NOT NULL,
	"lease_token" integer NOT NULL,
	"processor_id" text NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone,
	"outcome" text,
	"reason" text
);
--> statement-breakpoint
CREATE TABLE "incident_history" (
	"id" text PRIMARY KEY NOT NULL,
	"fingerprint" text NOT NULL,
	"epoch" integer NOT NULL,
	"project" text NOT NULL,
	"service" text NOT NULL,
	"opened_at" timestamp with time zone NOT NULL,
	"closed_at" timestamp with time zone NOT NULL,
	"incident" jsonb NOT NULL,
	CONSTRAINT "incident_history_epoch" UNIQUE("fingerprint","epoch")
);
--> statement-breakpoint
CREATE TABLE "incidents" (
	"fingerprint" text PRIMARY KEY NOT NULL,
	"project" text NOT NULL,
	"environment" text NOT NULL,
	"service" text NOT NULL,
	"kind" text NOT NULL,
	"part" text NOT NULL,
	"epoch" integer NOT NULL,
	"state" text NOT NULL,
	"severity" smallint NOT NULL,
	"outcome" text NOT NULL,
	"decided_at" timestamp with time zone NOT NULL,
	"onset_at" timestamp with time zone NOT NULL,
	"opened_at" timestamp with time zone NOT NULL,
	"last_seen_at" timestamp with time zone NOT NULL,
	"hold_until" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"renotify_at" timestamp with time zone NOT NULL,
	"edit_after" timestamp with time zone NOT NULL,
	"cleared_at" timestamp with time zone,
	"closed_at" timestamp with time zone,
	"close_reason" text,
	"acked_at" timestamp with time zone,
	"acked_by" text,
	"occurrences" bigint NOT NULL,
	"announced_occurrences" bigint NOT NULL,
	"peak" double precision NOT NULL,
	"announced_peak" double precision NOT NULL,
	"text_pending" boolean NOT NULL,
	"seq" integer NOT NULL,
	"title" text NOT NULL,
	"evidence" jsonb NOT NULL,
	"exemplars" jsonb NOT NULL,
	"channels" text[] NOT NULL,
	"age_ms" double precision NOT NULL,
	"onset_age_ms" double precision NOT NULL,
	"new_text" boolean NOT NULL,
	"superseded" jsonb,
	CONSTRAINT "incidents_state" CHECK ("incidents"."state" in ('open', 'resolved')),
	CONSTRAINT "incidents_severity" CHECK ("incidents"."severity" between 0 and 3)
);
--> statement-breakpoint
CREATE TABLE "outbox" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "outbox_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"fingerprint" text NOT NULL,
	"epoch" integer NOT NULL,
	"seq" integer NOT NULL,
	"channel" text NOT NULL,
	"action" text NOT NULL,
	"state" text DEFAULT 'pending' NOT NULL,
	"incident" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"due_at" timestamp with time zone NOT NULL,
	"give_up_at" timestamp with time zone NOT NULL,
	"lease_token" integer DEFAULT 0 NOT NULL,
	"leased_by" text,
	"leased_at" timestamp with time zone,
	"attempts" integer DEFAULT 0 NOT NULL,
	"receipt" jsonb,
	"sent_at" timestamp with time zone,
	"last_error" text,
	CONSTRAINT "outbox_change" UNIQUE("fingerprint","epoch","seq","channel"),
	CONSTRAINT "outbox_state" CHECK ("outbox"."state" in ('pending', 'leased', 'sent', 'dead', 'dropped'))
);
--> statement-breakpoint
CREATE TABLE "processors" (
	"id" text PRIMARY KEY NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"heartbeat_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "projects" (
	"name" text PRIMARY KEY NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_project_projects_name_fk" FOREIGN KEY ("project") REFERENCES "public"."projects"("name") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "delivery_attempts" ADD CONSTRAINT "delivery_attempts_delivery_id_outbox_id_fk" FOREIGN KEY ("delivery_id") REFERENCES "public"."outbox"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "api_keys_prefix" ON "api_keys" USING btree ("prefix");--> statement-breakpoint
CREATE INDEX "delivery_attempts_delivery" ON "delivery_attempts" USING btree ("delivery_id");--> statement-breakpoint
CREATE INDEX "incident_history_opened" ON "incident_history" USING btree ("opened_at","id");--> statement-breakpoint
CREATE INDEX "incident_history_closed" ON "incident_history" USING btree ("closed_at");--> statement-breakpoint
CREATE INDEX "incidents_open" ON "incidents" USING btree ("fingerprint") WHERE "incidents"."state" = 'open';--> statement-breakpoint
CREATE UNIQUE INDEX "outbox_edit" ON "outbox" USING btree ("fingerprint","epoch","channel") WHERE "outbox"."action" = 'edit' and "outbox"."state" = 'pending';--> statement-breakpoint
CREATE INDEX "outbox_undone" ON "outbox" USING btree ("fingerprint","channel","epoch","seq") WHERE "outbox"."state" in ('pending', 'leased');--> statement-breakpoint
CREATE INDEX "outbox_due" ON "outbox" USING btree ("due_at") WHERE "outbox"."state" in ('pending', 'leased');--> statement-breakpoint
CREATE INDEX "outbox_dead" ON "outbox" USING btree ("id") WHERE "outbox"."state" = 'dead';--> statement-breakpoint
ALTER TABLE "incidents" SET (fillfactor = 70);
