CREATE TABLE "kept" (
	"name" text PRIMARY KEY NOT NULL,
	"value" jsonb NOT NULL,
	"kept_at" timestamp with time zone NOT NULL
);
