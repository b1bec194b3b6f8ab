import assert from "node:assert/strict";
import type { Row } from "./executor.ts";

/** Readers of what comes from the driver as unknown. What does not fit is a bug of ours: they throw. */
export function textOf(row: Row, name: string): string {
  const value = row[name];
  assert(typeof value === "string", `${name} is not text`);
  return value;
}

export function textOrNull(row: Row, name: string): string | null {
  return row[name] === null ? null : textOf(row, name);
}

/** Integers wider than 32 bits come from the driver as text. */
export function numberOf(row: Row, name: string): number {
  const value = row[name];
  const number = typeof value === "string" && value !== "" ? Number(value) : value;
  assert(typeof number === "number" && Number.isFinite(number), `${name} is not a number`);
  return number;
}

export function numberOrNull(row: Row, name: string): number | null {
  return row[name] === null ? null : numberOf(row, name);
}

export function booleanOf(row: Row, name: string): boolean {
  const value = row[name];
  assert(typeof value === "boolean", `${name} is not a boolean`);
  return value;
}

/** One of a closed list of words. */
export function wordOf<Word extends string>(row: Row, name: string, words: readonly Word[]): Word {
  const value = row[name];
  const word = words.find((candidate) => candidate === value);
  assert(word !== undefined, `${name} is none of ${words.join(", ")}`);
  return word;
}

export function textsOf(row: Row, name: string): string[] {
  return listOf(row, name).map((item) => {
    assert(typeof item === "string", `${name} holds something that is not text`);
    return item;
  });
}

export function listOf(row: Row, name: string): readonly unknown[] {
  const value = row[name];
  assert(Array.isArray(value), `${name} is not a list`);
  return value;
}

export function objectOf(row: Row, name: string): Row {
  return asRow(row[name], name);
}

export function asRow(value: unknown, name: string): Row {
  assert(isRow(value), `${name} is not an object`);
  return value;
}

/** A channel's receipt: an object whose values are all text. */
export function receiptOf(row: Row, name: string): Readonly<Record<string, string>> | null {
  if (row[name] === null) return null;
  const object = objectOf(row, name);
  return Object.fromEntries(Object.keys(object).map((key) => [key, textOf(object, key)]));
}

function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
