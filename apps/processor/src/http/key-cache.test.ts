import { expect, test } from "vitest";
import { FRESH_MS, KEYS_MAX, KeyCache, STALE_MS } from "./key-cache.ts";

function world() {
  const state = { nowMs: 0, asked: 0, away: false, revoked: false };
  const cache = new KeyCache({
    monotonicMs: () => state.nowMs,
    find: async (presented) => {
      state.asked += 1;
      if (state.away) throw new Error("away");
      if (state.revoked || presented === "unknown") return null;
      return { project: presented, name: "reader", scopes: ["read"] };
    },
  });
  return { state, cache };
}

test("a key that was found is not asked for again until its time is over", async () => {
  const { state, cache } = world();
  await cache.find("shop");
  state.nowMs = FRESH_MS - 1;
  expect(await cache.find("shop")).toMatchObject({ project: "shop" });
  expect(state.asked).toBe(1);
  state.nowMs = FRESH_MS;
  state.revoked = true;
  expect(await cache.find("shop")).toBeNull();
});

test("the database is away: a known key goes on, an unknown one cannot be told", async () => {
  const { state, cache } = world();
  await cache.find("shop");
  state.away = true;
  state.nowMs = STALE_MS - 1;
  expect(await cache.find("shop")).toMatchObject({ project: "shop" });
  await expect(cache.find("other")).rejects.toThrow("away");
  state.nowMs = STALE_MS;
  await expect(cache.find("shop")).rejects.toThrow("away");
});

test("unknown keys are not remembered, and known ones only up to a bound", async () => {
  const { state, cache } = world();
  await cache.find("unknown");
  await cache.find("unknown");
  expect(state.asked).toBe(2);
  for (let key = 0; key <= KEYS_MAX; key += 1) await cache.find(`key-${key}`);
  state.asked = 0;
  await cache.find(`key-${KEYS_MAX}`);
  expect(state.asked).toBe(0);
  await cache.find("key-0");
  expect(state.asked).toBe(1);
});
