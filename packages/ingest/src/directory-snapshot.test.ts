import { expect, test } from "vitest";
import { SeriesDirectory } from "./directory.ts";
import { loadNames, saveNames } from "./directory-snapshot.ts";

const key = (service: string, environment = "", project = "default") => ({
  project,
  environment,
  service,
});

function reloaded(directory: SeriesDirectory, seriesMax = directory.seriesMax): SeriesDirectory {
  const next = new SeriesDirectory({ seriesMax });
  for (let from = 0; from < directory.slotEnd; from += 3) {
    loadNames(next, saveNames(directory, from, Math.min(from + 3, directory.slotEnd)));
  }
  return next;
}

test("the same slots for the same series, free ones given away again, full ones in (other)", () => {
  const directory = new SeriesDirectory({ seriesMax: 8 });
  const names = ["shop", "pay", "cart", "search", "mail"];
  for (const name of names) directory.intern(key(name, name === "pay" ? "prod" : ""));
  directory.intern(key("shop", "prod", "team-b"));
  directory.release(directory.find(key("cart")));
  directory.release(directory.find(key("mail")));

  const next = reloaded(directory);
  expect(next.size).toBe(4);
  for (let slot = 0; slot < directory.slotEnd; slot += 1) {
    expect(next.key(slot)).toEqual(directory.key(slot));
  }
  const fresh = ["a", "b", "c", "d"].map((name) => next.intern(key(name)));
  expect([...fresh].sort()).toEqual([2, 4, 6, 7]);
  const other = next.intern(key("one too many"));
  expect(next.key(other)).toEqual(key("(other)"));
  expect(next.isOther(other)).toBe(true);

  const third = reloaded(next);
  expect(third.isOther(other)).toBe(true);
  expect(third.intern(key("another too many"))).toBe(other);
  third.release(fresh[0] ?? -1);
  expect(third.intern(key("fits again"))).toBe(fresh[0]);
});

test.each([
  ["not JSON", "["],
  ["not a list", "{}"],
  ["not a row", "[1]"],
  ["a name that is no text", '[[0,"p","",7,false]]'],
  ["a slot below 0", '[[-1,"p","","s",false]]'],
  ["a slot that is no whole number", '[[0.5,"p","","s",false]]'],
  ["a slot beyond all bounds", '[[9007199254740991,"p","","s",false]]'],
  ["slots out of order", '[[1,"p","","s",false],[0,"p","","t",false]]'],
  ["a series twice", '[[0,"p","","s",false],[1,"p","","s",false]]'],
  ["a name that no series can have", '[[0,"p","","a\\u0000",false]]'],
  ["an (other) of another name", '[[0,"p","","s",true]]'],
])("refuses %s", (_, text) => {
  const load = () => loadNames(new SeriesDirectory(), new TextEncoder().encode(text));
  expect(load).toThrow(expect.objectContaining({ code: "SNAPSHOT_INVALID" }));
});

test("as many as SERIES_MAX fit, one more does not", () => {
  const directory = new SeriesDirectory({ seriesMax: 4 });
  for (const name of ["a", "b", "c", "d"]) directory.intern(key(name));
  expect(reloaded(directory, 4).size).toBe(4);
  expect(() => reloaded(directory, 3)).toThrow("SERIES_MAX");
});
