import fc from "fast-check";
import { expect, test } from "vitest";
import type { Row } from "../test-decode.ts";
import { expectedRow } from "../test-oracle.ts";
import { rowsOf } from "../test-rows.ts";
import { createBulkDecoder } from "./bulk.ts";
import { BULK_ACTIONS, BulkItems } from "./items.ts";
import { listBulkActions } from "./list.ts";

// Goal: an item for each action, in order, and the rows of a simple model that JSON.parse makes of each line; nothing
// throws, whatever the slices. Fixed seed.

const SEED = 20_261_123;

interface Action {
  readonly name: (typeof BULK_ACTIONS)[number];
  readonly metadata: Record<string, string | number | boolean | null>;
  readonly document: string;
}

const texts = fc.constantFrom("logs-app", 'quo"ted', "é\u{1f600}", "7", "");
const documents = fc.oneof(
  fc
    .record(
      {
        "@timestamp": fc.constantFrom("2026-06-01T11:59:59Z", "yesterday", 1_780_000_000_000),
        log: fc.constantFrom({ level: "ERROR" }, "warn: text", null),
        level: fc.constantFrom("info", "fatal", 40),
        service: fc.constantFrom({ name: "ecs" }, "plain", { other: 1 }),
        message: fc.constantFrom("ERROR broke", "fine", 'say "no"'),
        event: fc.constantFrom({ duration: 12 }, "named"),
      },
      { requiredKeys: [] },
    )
    .map((record) => JSON.stringify(record)),
  fc.constantFrom("[1]", "{", '{"a":1} x', "17", '{"a":tru}'),
);
const actions: fc.Arbitrary<Action> = fc.record({
  name: fc.constantFrom(...BULK_ACTIONS),
  metadata: fc.record(
    { _index: texts, _id: texts, require_alias: fc.boolean(), pipeline: fc.constant(null) },
    { requiredKeys: [] },
  ),
  document: documents,
});
const joints = fc.constantFrom("\n", "\r\n", "\n\n", " \n");

function bodyOf(list: readonly Action[], joint: string, lastJoint: string): string {
  const lines = list.flatMap(({ name, metadata, document }) => {
    const line = JSON.stringify({ [name]: metadata });
    if (name === "delete") return [line];
    return [line, name === "update" ? `{"doc_as_upsert":true,"doc":${document}}` : document];
  });
  return lines.join(joint) + lastJoint;
}

function recordOf({ name, document }: Action): Row | null {
  return name === "delete" ? null : expectedRow(document);
}

/** An update whose `doc` is JSON but no object is one without a record, and no failure. */
function isRefused(action: Action): boolean {
  if (action.name === "delete" || recordOf(action) !== null) return false;
  return action.name !== "update" || !["[1]", "17"].includes(action.document);
}

function decodeBulk(body: string | Uint8Array, sliceBytes?: number) {
  const items = new BulkItems();
  const decoded = rowsOf(
    (bytes, context, onBatch) => createBulkDecoder(bytes, context, onBatch, items),
    body,
    sliceBytes,
  );
  return { ...decoded, items };
}

test("rows and items are those of the model, whole and in slices", () => {
  fc.assert(
    fc.property(
      fc.array(actions, { minLength: 1, maxLength: 6 }),
      joints,
      fc.constantFrom("", "\n", "\n\n"),
      fc.integer({ min: 1, max: 50 }),
      (list, joint, last, slice) => {
        const body = bodyOf(list, joint, last);
        for (const bytes of [Number.POSITIVE_INFINITY, slice]) {
          const { rows, items, fatal, report } = decodeBulk(body, bytes);
          expect(fatal).toBeNull();
          expect(rows).toEqual(list.map(recordOf).filter((row) => row !== null));
          expect(items.action.map((at) => BULK_ACTIONS[at])).toEqual(list.map(({ name }) => name));
          expect(items.outcome).toEqual(list.map((action) => (isRefused(action) ? 1 : 0)));
          expect(report.rejected).toBe(list.filter(isRefused).length);
          const text = Buffer.from(body);
          for (const [at, action] of list.entries()) {
            const written = text.toString("utf8", items.indexStart[at], items.indexEnd[at]);
            const index = action.metadata["_index"] ?? "";
            expect(JSON.parse(`"${written}"`)).toBe(index);
          }
        }
        const listed = new BulkItems();
        expect(listBulkActions(Buffer.from(bodyOf(list, "\n", last)), listed)).toBe(true);
        expect(listed.action).toEqual(decodeBulk(body).items.action);
        expect(new Set(listed.outcome)).toEqual(new Set([2]));
      },
    ),
    { seed: SEED, numRuns: 120 },
  );
});

test("cut or changed anywhere: never throws, ends, a row at most for each action, slices agree", () => {
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 });
  fc.assert(
    fc.property(fc.array(actions, { minLength: 1, maxLength: 4 }), edits, (list, changes) => {
      const bytes = Buffer.from(bodyOf(list, "\n", "\n"));
      const whole = decodeBulk(bytes).rows;
      for (let end = 0; end < bytes.length; end += 1) {
        const { rows } = decodeBulk(bytes.subarray(0, end));
        // The last may be one only because what spoils it was cut off.
        expect(rows.slice(0, -1)).toEqual(whole.slice(0, Math.max(0, rows.length - 1)));
      }
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      const changed = decodeBulk(bytes);
      expect(changed.rows.length).toBeLessThanOrEqual(changed.items.length);
      const sliced = decodeBulk(bytes, 5);
      expect([sliced.rows, sliced.fatal]).toEqual([changed.rows, changed.fatal]);
      listBulkActions(bytes, new BulkItems());
    }),
    { seed: SEED, numRuns: 20 },
  );
});
