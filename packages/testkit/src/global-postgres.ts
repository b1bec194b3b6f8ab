import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedPostgres } from "@tracer/store";
import { createTemplate, dropTemplate, SERVER_VARIABLE, TEMPLATE_VARIABLE } from "./postgres.ts";

const CONNECTIONS_MAX = 500;

/**
 * One server for a whole run of the tests: that of TEST_DATABASE_URL, else an embedded one in a temporary
 * folder. Several vitest projects name this file and are set up one after the other; the first one does
 * the work, and undoes it when all of them are done.
 */
export async function setup(): Promise<() => Promise<void>> {
  await using stack = new AsyncDisposableStack();
  if (process.env[TEMPLATE_VARIABLE] !== undefined) return async () => {};
  let server = process.env[SERVER_VARIABLE];
  if (server === undefined) {
    const dataDir = await mkdtemp(join(tmpdir(), "tracer-test-"));
    stack.defer(() => rm(dataDir, { recursive: true, force: true, maxRetries: 5 }));
    const embedded = await startEmbeddedPostgres({
      dataDir,
      fsync: false,
      connectionsMax: CONNECTIONS_MAX,
    });
    stack.use(embedded);
    server = embedded.connectionString;
    process.env[SERVER_VARIABLE] = server;
    stack.defer(() => {
      delete process.env[SERVER_VARIABLE];
    });
  }
  const url = server;
  const template = await createTemplate(url);
  process.env[TEMPLATE_VARIABLE] = template; // Workers are started later and inherit it.
  stack.defer(async () => {
    delete process.env[TEMPLATE_VARIABLE];
    await dropTemplate(url, template);
  });
  const owned = stack.move();
  return () => owned.disposeAsync();
}
