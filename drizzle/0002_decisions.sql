CREATE TABLE "decisions" (
	"series" uuid NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"unseen_from" timestamp with time zone,
	"recorded_at" timestamp with time zone NOT NULL,
	"kind" text NOT NULL,
	"part" text NOT NULL,
	"state" text NOT NULL,
	"evidence" real,
	"peak_evidence" real,
	"bar" real,
	"observed" real,
	"expected" real,
	"expected_low" real,
	"expected_high" real,
	"why" text NOT NULL
);
--> statement-breakpoint
CREATE INDEX "decisions_series" ON "decisions" USING btree ("series","at");--> statement-breakpoint
CREATE INDEX "decisions_recorded" ON "decisions" USING btree ("recorded_at");