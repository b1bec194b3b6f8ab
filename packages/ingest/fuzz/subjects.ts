import type { CreateDecoder } from "../src/decoder.ts";
import { createLogsDecoder } from "../src/logs.ts";
import type { Row } from "../src/test-decode.ts";
import { expectedRow } from "../src/test-oracle.ts";
import { deepText } from "./json.ts";
import type { Random } from "./random.ts";
import { recordText } from "./records.ts";

/** One body, and what is known of it. */
export interface FuzzCase {
  readonly body: Uint8Array;
  /** The rows that the oracle expects; null when only the paths are compared with each other. */
  readonly expected: readonly Row[] | null;
}

/** A decoder with a way to write bodies for it. To have another fuzzed, add one. */
export interface FuzzSubject {
  readonly name: string;
  readonly createDecoder: CreateDecoder;
  readonly write: (random: Random) => FuzzCase;
}

export const FUZZ_SUBJECTS: readonly FuzzSubject[] = [
  { name: "ndjson", createDecoder: createLogsDecoder, write: ndjson },
  { name: "array", createDecoder: createLogsDecoder, write: array },
  { name: "damaged", createDecoder: createLogsDecoder, write: damaged },
];

function lines(random: Random): string[] {
  // Records of one sender are alike: that is what the scanner's memory of keys is for.
  const shapes = [recordText(random), recordText(random)] as const;
  return Array.from({ length: 1 + random.below(4) }, () =>
    random.oneIn(2) ? recordText(random) : random.pick(shapes),
  );
}

function rowsOf(texts: readonly string[]): Row[] {
  return texts
    .map((text) => expectedRow(text.replace(OUTER_SPACE, "")))
    .filter((row) => row !== null);
}

const OUTER_SPACE = /^[ \t\r\n]+|[ \t\r\n]+$/g;

/** Lines, some of them damaged. The first says that each line is a record of its own. */
function ndjson(random: Random): FuzzCase {
  const texts = lines(random).map((line) => (random.oneIn(4) ? broken(line, random) : line));
  const end = random.pick(["\n", "\n", "\r\n", "\n\n"]);
  const body = Buffer.from(
    `${random.oneIn(8) ? "\uFEFF" : ""}{}\n${texts.join(end)}${random.oneIn(2) ? end : ""}`,
  );
  // Two objects on a line are two records, and so is what lies under `logs`: not this oracle's subject.
  // Nor are seconds with a point and an exponent: the decoder goes by the spelling, which JSON.parse forgets.
  const known = texts.every((line) => !/\}\s*\{|"logs|\\u006cogs|\d\.\d*e/i.test(line));
  return { body, expected: known ? rowsOf(["{}", ...texts]) : null };
}

/** Whole records, framed in each way that holds several. */
function array(random: Random): FuzzCase {
  const texts = lines(random);
  const joint = random.pick([",", " , ", ",\n", "\n,\n  "]);
  const body = random.pick([
    `[${texts.join(joint)}]`,
    `[\n  ${texts.join(joint)}\n]\n`,
    `{"logs":[${texts.join(joint)}]}`,
    `{"service":"not this","n":[1],"logs":[${texts.join(joint)}],"more":{"a":null}}`,
    texts.join(""),
    texts.join("\n"),
  ]);
  return { body: Buffer.from(body), expected: rowsOf(texts) };
}

/** Any framing, cut anywhere, with any bytes: the paths must agree. */
function damaged(random: Random): FuzzCase {
  const whole = array(random).body;
  const body = random.oneIn(100)
    ? Buffer.from(`{"a":${deepText(random, true)}}\n{}`)
    : Buffer.from(whole);
  const edits = random.below(4);
  for (let edit = 0; edit < edits; edit += 1) {
    body[random.below(body.length)] = random.oneIn(2)
      ? random.below(256)
      : (Buffer.from('{}[]",:\\x0-e\t\n')[random.below(15)] ?? 0);
  }
  const cut = random.oneIn(2) ? random.below(body.length + 1) : body.length;
  return { body: body.subarray(0, cut), expected: null };
}

/** A line that has lost, changed or gained something; never a line feed. */
function broken(line: string, random: Random): string {
  const at = random.below(line.length);
  switch (random.below(5)) {
    case 0:
      return `${line.slice(0, at)}${line.slice(at + 1)}`.toWellFormed();
    case 1:
      return `${line.slice(0, at)}${'{}[]",:\\x0-e\t'.charAt(random.below(14))}${line.slice(at)}`.toWellFormed();
    case 2:
      return line.slice(0, at).toWellFormed();
    case 3:
      return `${line.slice(0, at)}${String.fromCharCode(random.below(32) || 1)}${line.slice(at + 1)}`
        .replaceAll("\n", "\u0001")
        .toWellFormed();
    default:
      return `${line}${random.pick([",", "}", "]", "x", " {", '"'])}`;
  }
}
