import { FlatFields, FlatKind } from "./flat-fields.ts";

/** Labels of one stream; more are not looked at. Loki itself allows 15. */
export const LABELS_MAX = 128;

/** What the labels of a stream say of all its entries. */
export interface StreamLabels {
  /** Index into core's LEVELS, or -1. */
  readonly level: number;
  /** Names as bytes; empty when the labels have none. */
  readonly service: Uint8Array;
  readonly environment: Uint8Array;
}

export type Label = readonly [name: string, value: string];

export function streamLabels(labels: Iterable<Label>): StreamLabels {
  const fields = new FlatFields();
  const texts: Buffer[] = [];
  const notes: (readonly [meaning: number, start: number, end: number])[] = [];
  let length = 0;
  for (const [name, value] of labels) {
    const key = Buffer.from(name);
    const meaning = fields.meaning(key, 0, key.length);
    if (meaning < 0) continue;
    const text = Buffer.from(value);
    texts.push(text);
    notes.push([meaning, length, length + text.length]);
    length += text.length;
  }
  const all = Buffer.concat(texts, length);
  fields.clear(all);
  for (const [meaning, start, end] of notes) fields.note(meaning, start, end);
  const bytesOf = (kind: number) =>
    fields.has(kind) ? all.subarray(fields.startOf(kind), fields.endOf(kind)) : NO_BYTES;
  return {
    level: fields.level,
    service: bytesOf(FlatKind.service),
    environment: bytesOf(FlatKind.environment),
  };
}

/**
 * The labels of a text such as `{app="shop", level="error"}`: values in double quotes with Go's escapes. What
 * cannot be read ends the list: clients exist that write quotes of a value as they are.
 */
export function parseLabels(text: string): Label[] {
  const labels: Label[] = [];
  const pattern = /[\s{,]*([^\s{},="]+)\s*=\s*"((?:[^"\\]|\\[\s\S])*)"\s*(?=[,}]|$)/y;
  while (labels.length < LABELS_MAX) {
    const match = pattern.exec(text);
    if (match === null) break;
    const [, name = "", value = ""] = match;
    labels.push([name, value.replace(/\\([\s\S])/g, (_, letter: string) => unescapedOf(letter))]);
  }
  return labels;
}

function unescapedOf(letter: string): string {
  if (letter === "n") return "\n";
  return letter === "t" ? "\t" : letter;
}

const NO_BYTES = new Uint8Array(0);
