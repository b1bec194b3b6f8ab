import { expect, test } from "vitest";
import { ATTEMPT_EACH_MS, ATTEMPTS_MAX } from "./key-attempts.ts";
import { FRESH_MS, KEYS_MAX, KeyCache, STALE_MS, WRONG_MS } from "./key-cache.ts";

function world() {
  const state = { nowMs: 0, asked: 0, away: false, revoked: false };
  const cache = new KeyCache({
    ingestKey: "ingest-static",
    adminKey: "admin-static",
    monotonicMs: () => state.nowMs,
    find: async (presented) => {
      state.asked += 1;
      if (state.away) throw new Error("away");
      if (state.revoked || presented.startsWith("wrong")) return null;
      return { id: presented, name: presented, project: presented, scopes: ["read"] };
    },
  });
  const find = (presented: string, address = "10.0.0.1") => cache.find([presented], address);
  return { state, cache, find };
}

test("a key that was found is not asked for again until its time is over", async () => {
  const { state, find } = world();
  await find("shop");
  state.nowMs = FRESH_MS - 1;
  expect(await find("shop")).toMatchObject({ project: "shop" });
  expect(state.asked).toBe(1);
  state.nowMs = FRESH_MS;
  state.revoked = true;
  expect(await find("shop")).toBeNull();
});

test("the database is away: a known key goes on, an unknown one cannot be told", async () => {
  const { state, find } = world();
  await find("shop");
  state.away = true;
  state.nowMs = STALE_MS - 1;
  expect(await find("shop")).toMatchObject({ project: "shop" });
  await expect(find("other")).rejects.toThrow("away");
  state.nowMs = STALE_MS;
  await expect(find("shop")).rejects.toThrow("away");
});

test("known keys are remembered up to a bound", async () => {
  const { state, find } = world();
  for (let key = 0; key <= KEYS_MAX; key += 1) await find(`key-${key}`);
  state.asked = 0;
  await find(`key-${KEYS_MAX}`);
  expect(state.asked).toBe(0);
  await find("key-0");
  expect(state.asked).toBe(1);
});

test("a wrong key is asked for once in a while, not with every request, and works when it is made", async () => {
  const { state, find } = world();
  expect(await find("wrong")).toBeNull();
  state.nowMs = WRONG_MS - 1;
  expect(await find("wrong")).toBeNull();
  expect(state.asked).toBe(1);
  state.nowMs = WRONG_MS;
  expect(await find("wrong")).toBeNull();
  expect(state.asked).toBe(2);
});

test("many requests with one key at once: one question", async () => {
  const { state, find } = world();
  const callers = await Promise.all(Array.from({ length: 50 }, () => find("shop")));
  expect(callers.every((caller) => caller?.id === "shop")).toBe(true);
  expect(state.asked).toBe(1);
});

test("static keys are known without a question; the second way in which a key can be meant counts too", async () => {
  const { state, cache } = world();
  expect(await cache.find(["admin-static"], "a")).toMatchObject({ id: "admin" });
  expect(await cache.find(["wrong", "ingest-static"], "a")).toMatchObject({ id: "ingest" });
  expect(state.asked).toBe(1);
});

test("a shipper that repeats one wrong key takes no attempt from others at its address", async () => {
  const { find } = world();
  for (let request = 0; request < 5 * ATTEMPTS_MAX; request += 1) {
    expect(await find("wrong")).toBeNull();
  }
  expect(await find("shop")).toMatchObject({ id: "shop" });
});

test("an address that tries many keys is held back, even with the right one; others and proven keys are not", async () => {
  const { state, find } = world();
  const tooMany = { code: "KEY_ATTEMPTS", details: { retryAfterSeconds: 2 } };
  await find("proven");
  for (let key = 0; key < ATTEMPTS_MAX; key += 1) expect(await find(`wrong-${key}`)).toBeNull();
  state.asked = 0;
  await expect(find("wrong-next")).rejects.toMatchObject(tooMany);
  await expect(find("shop")).rejects.toMatchObject(tooMany);
  await expect(find("admin-static")).rejects.toMatchObject(tooMany);
  expect(state.asked).toBe(0);
  expect(await find("proven")).toMatchObject({ id: "proven" });
  expect(await find("shop", "10.0.0.2")).toMatchObject({ id: "shop" });
  state.nowMs = ATTEMPT_EACH_MS;
  expect(await find("admin-static")).toMatchObject({ id: "admin" });
  expect(await find("wrong-other")).toBeNull();
  await expect(find("wrong-another")).rejects.toMatchObject(tooMany);
});
