CREATE TABLE "triage_budget" (
	"id" integer PRIMARY KEY NOT NULL,
	"calls" timestamp with time zone[] NOT NULL
);
--> statement-breakpoint
CREATE TABLE "triages" (
	"fingerprint" text NOT NULL,
	"epoch" integer NOT NULL,
	"claimed_at" timestamp with time zone NOT NULL,
	"claimed_by" text NOT NULL,
	"outcome" text,
	"note" jsonb,
	CONSTRAINT "triages_fingerprint_epoch_pk" PRIMARY KEY("fingerprint","epoch")
);
--> statement-breakpoint
CREATE INDEX "triages_claimed" ON "triages" USING btree ("claimed_at");