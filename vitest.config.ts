import { defineConfig } from "vitest/config";

/** Nothing that runs in a test may leave this machine; what tries fails the run. */
const guard = "packages/testkit/src/network-guard/global-setup.ts";
const setupFiles = ["packages/testkit/src/network-guard/preload.ts"];
const ignored = ["**/node_modules/**", "**/.tracer/**"];

/** One project per kind of test; the suffix of a file says what the test may use (docs/architecture.md). */
export default defineConfig({
  test: {
    // Much of the time a test waits for a process or a database.
    maxWorkers: 3,
    projects: [
      {
        test: {
          name: "unit",
          include: ["{apps,packages}/**/{src,bench,torture}/**/*.test.ts", "*.test.ts"],
          exclude: [...ignored, "**/*.{pg,fault,e2e,prop,clients}.test.ts"],
          // Far beyond what they need: only a machine that does much else at once comes near.
          testTimeout: 30_000,
          setupFiles,
          globalSetup: [guard],
        },
      },
      {
        test: {
          name: "prop",
          include: ["{apps,packages}/**/*.prop.test.ts"],
          exclude: ignored,
          testTimeout: 60_000,
          setupFiles,
          globalSetup: [guard],
        },
      },
      {
        test: {
          name: "pg",
          include: ["{apps,packages}/**/*.pg.test.ts"],
          exclude: ignored,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          setupFiles,
          globalSetup: [guard, "packages/testkit/src/global-postgres.ts"],
        },
      },
      {
        test: {
          name: "fault",
          include: ["{apps,packages}/**/*.fault.test.ts"],
          exclude: ignored,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          setupFiles,
          globalSetup: [guard, "packages/testkit/src/global-postgres.ts"],
        },
      },
      {
        test: {
          // Needs Debian packages: run by `pnpm test:clients`, not by `pnpm test`.
          name: "clients",
          include:
            process.env["CLIENTS_ROOT"] === undefined
              ? []
              : ["apps/processor/e2e/*.clients.test.ts"],
          exclude: ignored,
          testTimeout: 300_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          // Needs a Chromium: run by `pnpm test:browser`, not by `pnpm test`.
          name: "browser",
          include:
            process.env["TRACER_CHROMIUM"] === undefined
              ? []
              : ["apps/processor/e2e/browser/*.browser.test.ts"],
          exclude: ignored,
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["apps/processor/e2e/**/*.e2e.test.ts"],
          exclude: ignored,
          testTimeout: 300_000,
          hookTimeout: 60_000,
          setupFiles,
          globalSetup: [guard, "packages/testkit/src/global-postgres.ts"],
        },
      },
    ],
  },
});
