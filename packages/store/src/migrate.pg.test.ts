import { createEmptyDatabase } from "@tracer/testkit";
import { expect, test } from "vitest";
import { migrate, pendingMigrations } from "./migrate.ts";
import { openPool } from "./pool.ts";

test("eight migrate an empty database at once: each succeeds, each migration is applied once", async () => {
  await using database = await createEmptyDatabase();
  const pools = Array.from({ length: 8 }, () => openPool(database));
  await Promise.all(pools.map((pool) => migrate(pool)));
  await migrate(database.pool);
  await Promise.all(pools.map((pool) => pool.end()));
  const { rows } = await database.pool.query(
    "select count(*)::int - count(distinct hash)::int as doubled, count(*)::int > 0 as some from drizzle.__drizzle_migrations",
  );
  expect(rows).toEqual([{ doubled: 0, some: true }]);
  const held = await database.pool.query("select from pg_locks where locktype = 'advisory'");
  expect(held.rowCount).toBe(0);
});

test("a database that a newer Tracer has migrated is left alone", async () => {
  await using database = await createEmptyDatabase();
  await migrate(database.pool);
  await database.pool.query(
    "insert into drizzle.__drizzle_migrations (hash, created_at) values ('later', 9999999999999)",
  );
  for (const look of [migrate, pendingMigrations]) {
    await expect(look(database.pool)).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: "The database was migrated by a newer Tracer. Start that version or a later one.",
    });
  }
});

test("what would be run is said, and nothing is run", async () => {
  await using database = await createEmptyDatabase();
  const pending = await pendingMigrations(database.pool);
  expect(pending.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["0000_first", "0009_keys_audit"]),
  );
  const { rows } = await database.pool.query("select to_regclass('incidents') as incidents");
  expect(rows).toEqual([{ incidents: null }]);
  for (const statement of pending.flatMap(({ statements }) => statements)) {
    await database.pool.query(statement);
  }
  await database.pool.query("drop schema public cascade; create schema public");
  await migrate(database.pool);
  expect(await pendingMigrations(database.pool)).toEqual([]);
});

test("a migration that fails leaves nothing half done", async () => {
  await using database = await createEmptyDatabase();
  await database.pool.query("create table outbox ()");
  await expect(migrate(database.pool)).rejects.toMatchObject({ code: "MIGRATION_FAILED" });
  const { rows } = await database.pool.query("select to_regclass('incidents') as incidents");
  expect(rows).toEqual([{ incidents: null }]);
});
