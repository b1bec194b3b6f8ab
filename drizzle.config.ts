import { defineConfig } from "drizzle-kit";

/** `pnpm exec drizzle-kit generate --name what_changed` writes the next migration. */
export default defineConfig({
  dialect: "postgresql",
  schema: "./packages/store/src/schema{,-kept,-keys,-triage}.ts",
  out: "./drizzle",
});
