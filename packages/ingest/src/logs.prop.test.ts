import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decode, type Row } from "./test-decode.ts";
import { expectedRow } from "./test-oracle.ts";

const SEED = 20_261_122;

const names = fc.constantFrom(
  ..."timestamp time ts @timestamp date _time level severity severity_text lvl loglevel".split(" "),
  ..."log.level severity_number status service service.name service_name app application".split(
    " ",
  ),
  ..."appname logger container_name kubernetes.labels.app message msg body log text event".split(
    " ",
  ),
  ..."duration_ms latency_ms elapsed_ms responseTime metadata.latency duration latency".split(" "),
  ..."env environment deployment.environment kubernetes kubernetes.labels metadata".split(" "),
  ..."deployment logs pid hostname __proto__ levels".split(" "),
);
const inner = fc.constantFrom(
  "name",
  "level",
  "labels",
  "labels.app",
  "app",
  "latency",
  "environment",
  "x",
);

const times = fc.oneof(
  fc
    .integer({ min: 0, max: 1_800_000_000_000 })
    .map((instantMs) => new Date(instantMs).toISOString()),
  fc.constantFrom(
    ...["2026-06-01", "2026-06-01 11:59:59", "2026-06-01T11:59:59,123456789+02:00", "yesterday"],
    ...["2026-02-30T00:00:00Z", "2026-06-01T11:59-0730", "2027-06-01T00:00:00Z", "1780000000"],
  ),
  fc.constantFrom(1_780_000_000, 1_780_000_000_123, 1_780_000_000_123_456, 1.5e18, -5, 1e40, 0),
);
const levels = fc.oneof(
  fc.constantFrom("trace", "DEBUG", "Info", "notice", "warn", "WARNING", "err", "Error", "SEVERE"),
  fc.constantFrom("crit", "Critical", "alert", "EMERG", "panic", "fatal", " error ", "banana"),
  fc.constantFrom(
    10,
    20,
    30,
    35,
    40,
    50,
    60,
    0,
    3,
    7,
    9,
    200,
    404,
    503,
    17,
    24,
    -1,
    2.5,
    "50",
    "500",
  ),
);
const scalars = fc.oneof(
  times,
  levels,
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.constantFrom("api", "ERROR it broke", "error: it broke", "[error] it broke", "WARN slow", ""),
  fc.constantFrom(0, 12, 0.25, 12.5, -3, 1e12, "15", "0.5", "fast"),
  fc.constantFrom(null, true, false),
);
type Value = unknown[] | Members | string | number | boolean | null;
/** An object as the pairs it is written with: keeps their order, and keys that repeat. */
class Members {
  readonly pairs: (readonly [string, Value])[];
  constructor(pairs: (readonly [string, Value])[]) {
    this.pairs = pairs;
  }
}
const values: fc.Arbitrary<Value> = fc.oneof(
  { weight: 6, arbitrary: scalars },
  {
    weight: 2,
    arbitrary: fc
      .array(
        fc.tuple(
          inner,
          fc.oneof(
            scalars,
            scalars.map((leaf) => new Members([["app", leaf]])),
          ),
        ),
        {
          maxLength: 3,
        },
      )
      .map((pairs) => new Members(pairs)),
  },
  { weight: 1, arbitrary: fc.array(scalars, { maxLength: 3 }) },
);
const records = fc
  .array(fc.tuple(names, values), { maxLength: 9 })
  .map(
    (pairs) => new Members(pairs.filter(([key, value]) => key !== "logs" || !Array.isArray(value))),
  );

/** Writes JSON with white space and escapes chosen by a stream of numbers: any of them means the same. */
function write(value: unknown, choice: () => number): string {
  const gap = () => ["", "", "", " ", "\t ", "\r"][choice() % 6] ?? "";
  const text = (plain: string) => {
    const quoted = JSON.stringify(plain);
    if (choice() % 3 !== 0) return quoted;
    const all = plain
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
    return `"${all.join("")}"`;
  };
  const one = (item: unknown): string => {
    if (typeof item === "string") return text(item);
    if (Array.isArray(item)) return `[${gap()}${item.map(one).join(`${gap()},${gap()}`)}${gap()}]`;
    if (item instanceof Members) {
      const pairs = item.pairs.map(([key, held]) => `${text(key)}${gap()}:${gap()}${one(held)}`);
      return `{${gap()}${pairs.join(`${gap()},${gap()}`)}${gap()}}`;
    }
    return JSON.stringify(item);
  };
  return one(value);
}

const texts = fc
  .tuple(records, fc.array(fc.nat({ max: 1000 }), { minLength: 1, maxLength: 20 }))
  .map(([record, choices]) => {
    let turn = 0;
    return write(record, () => choices[turn++ % choices.length] ?? 0);
  });

function rowsOf(lines: readonly string[]): Row[] {
  return lines.map(expectedRow).filter((row) => row !== null);
}

/** A number as a name or message keeps its spelling here (`1.80`), while JSON.parse forgets it. */
function asParsed(row: Row): Row {
  const plain = (text: string) => (/^-?[\d.eE+-]+$/.test(text) ? String(Number(text) + 0) : text);
  return {
    ...row,
    service: plain(row.service),
    environment: plain(row.environment),
    message: plain(row.message),
  };
}

describe("against JSON.parse, field by field", () => {
  test("four framings of the same records give the same rows", () => {
    fc.assert(
      fc.property(fc.array(texts, { minLength: 1, maxLength: 6 }), (lines) => {
        const expected = rowsOf(lines);
        expect(expected).toHaveLength(lines.length);
        const framings = [
          `[${lines.join(",")}]`,
          `[\n  ${lines.join(",\n  ")}\n]\n`,
          `{"logs":[${lines.join(" , ")}]}`,
          `{"service":"not this","n":[1],"logs":[${lines.join(",")}],"more":{"a":null}}`,
          lines.join("\n"),
          `\uFEFF${lines.join("\r\n\n")}\r\n`,
          lines.join(""),
        ];
        for (const body of framings) {
          const { rows, report } = decode(body);
          expect(rows).toEqual(expected);
          expect(report).toMatchObject({ accepted: lines.length, rejected: 0 });
        }
      }),
      { seed: SEED, numRuns: 400 },
    );
  });

  test("slices of any size give the same as one go", () => {
    fc.assert(
      fc.property(
        fc.array(texts, { minLength: 1, maxLength: 4 }),
        fc.constantFrom("\n", ",", " x\n", ' ,"a,b]'),
        fc.integer({ min: 1, max: 40 }),
        (lines, joint, sliceBytes) => {
          for (const body of [lines.join(joint), `[${lines.join(joint)}]`]) {
            const whole = decode(body);
            const sliced = decode(body, {}, sliceBytes);
            expect(sliced.rows).toEqual(whole.rows);
            expect(sliced.report.errors).toEqual(whole.report.errors);
            expect(sliced.fatal).toEqual(whole.fatal);
          }
        },
      ),
      { seed: SEED, numRuns: 200 },
    );
  });

  test("a line that lost or changed a byte is judged as JSON.parse judges it; the others are kept", () => {
    const damage = fc.record({
      at: fc.nat(),
      byte: fc.option(fc.constantFrom(...'{}[]",:\\x0-e\t')),
    });
    fc.assert(
      fc.property(texts, fc.array(fc.tuple(texts, damage), { maxLength: 4 }), (head, rest) => {
        const lines = [
          head,
          ...rest.map(([line, { at, byte }]) => {
            const from = at % line.length;
            return `${line.slice(0, from)}${byte ?? ""}${line.slice(from + 1)}`.toWellFormed();
          }),
        ];
        // Two objects on a line are two records here, and so is what lies under `logs`: not this model's subject.
        fc.pre(lines.every((line) => !/\}\s*\{/.test(line) && !line.includes('"logs')));
        const { rows, report } = decode(lines.join("\n"));
        expect(rows.map(asParsed)).toEqual(rowsOf(lines).map(asParsed));
        const blank = lines.filter((line) => line.trim() === "").length;
        expect(report.rejected).toBe(lines.length - blank - rows.length);
      }),
      { seed: SEED, numRuns: 800 },
    );
  });
});

describe("whatever arrives", () => {
  test("cut at any byte: never throws, never accepts more than was complete", () => {
    fc.assert(
      fc.property(fc.array(texts, { minLength: 1, maxLength: 3 }), (lines) => {
        for (const body of [
          lines.join("\n"),
          `[${lines.join(",")}]`,
          `{"logs":[${lines.join(",")}]}`,
        ]) {
          const bytes = Buffer.from(body);
          const { rows } = decode(bytes);
          for (let end = 0; end < bytes.length; end += 1) {
            const cut = decode(bytes.subarray(0, end));
            expect(cut.rows).toEqual(rows.slice(0, cut.rows.length));
            expect(cut.report.rejected).toBeLessThanOrEqual(1);
            expect(cut.fatal === null).toBe(cut.rows.length > 0);
          }
        }
      }),
      { seed: SEED, numRuns: 25 },
    );
  });

  test("random damage: never throws, comes to an end, and slices agree", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(
        fc.array(texts, { minLength: 1, maxLength: 4 }),
        changes,
        fc.nat(),
        (lines, edits, shape) => {
          const bodies = [
            lines.join("\n"),
            `[${lines.join(",\n")}]`,
            `{"logs":[${lines.join(",")}]}`,
          ];
          const bytes = Buffer.from(bodies[shape % 3] ?? "");
          for (const [at, byte] of edits) bytes[at % bytes.length] = byte;
          const { rows, report, fatal } = decode(bytes);
          expect(rows).toHaveLength(report.accepted);
          expect(fatal === null).toBe(rows.length > 0);
          expect(decode(bytes, {}, 5).rows).toEqual(rows);
        },
      ),
      { seed: SEED, numRuns: 1500 },
    );
  });

  test("bytes that are no JSON at all", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const { rows, report } = decode(bytes);
        expect(rows).toHaveLength(report.accepted);
      }),
      { seed: SEED, numRuns: 500 },
    );
  });
});
