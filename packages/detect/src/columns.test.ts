import { expect, test } from "vitest";
import {
  ByteColumn,
  CountColumn,
  FloatColumn,
  IntColumn,
  ShortColumn,
  SmallFloatColumn,
} from "./columns.ts";

const SHORT_MAX = 65_535;
const COUNT_MAX = 2 ** 32 - 1;

test.each([
  ["16 bits", new ShortColumn("short", 1), SHORT_MAX],
  ["32 bits", new CountColumn("count", 1), COUNT_MAX],
])("a column of %s: exact up to its bound, and stays there beyond it", (_, column, max) => {
  column.resize(2);
  column.set(0, max - 1);
  expect(column.at(0)).toBe(max - 1);
  column.set(0, max);
  expect(column.at(0)).toBe(max);
  column.set(0, max + 1);
  expect(column.at(0)).toBe(max);
  column.set(0, max - 1);
  column.add(0, 1);
  expect(column.at(0)).toBe(max);
  column.add(0, 1);
  expect(column.at(0)).toBe(max);
  column.add(0, 1e15);
  expect(column.at(0)).toBe(max);
  column.set(0, 1e15);
  expect(column.at(0)).toBe(max);
  expect(column.at(1)).toBe(0); // Its neighbour has seen nothing of it.
});

test("a sum in 64 bits keeps a single record beside 1e15, one in 32 bits six digits", () => {
  const exact = new FloatColumn("exact", 1);
  const small = new SmallFloatColumn("small", 1);
  for (const column of [exact, small]) {
    column.resize(1);
    column.set(0, 1e15);
    column.add(0, 1);
  }
  expect(exact.at(0)).toBe(1e15 + 1);
  expect(Math.abs(small.at(0) / 1e15 - 1)).toBeLessThan(1e-6);
});

test.each([
  ["FloatColumn", new FloatColumn("a", 3)],
  ["SmallFloatColumn", new SmallFloatColumn("a", 3)],
  ["CountColumn", new CountColumn("a", 3)],
  ["ShortColumn", new ShortColumn("a", 3)],
  ["ByteColumn", new ByteColumn("a", 3)],
  ["IntColumn", new IntColumn("a", 3, true)],
])("%s: what is in it stays when it grows, and what is new or beyond it is zero", (_, column) => {
  column.resize(2);
  for (let index = 0; index < 6; index += 1) column.set(index, 10 + index);
  column.resize(4);
  const held = Array.from({ length: 13 }, (_, index) => column.at(index));
  expect(held).toEqual([10, 11, 12, 13, 14, 15, 0, 0, 0, 0, 0, 0, 0]);
});
