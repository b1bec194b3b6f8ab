import { LevelIndex } from "@tracer/core";
import { TemplateBook } from "../src/index.ts";
import { Random } from "./random.ts";

/*
 * What a line costs that passes to the templates, and what one costs that is only looked at, against
 * JSON.parse of the same lines as records, in the same process, in turns. Prints microseconds; exits 1 when
 * a ratio is missed. Run: node packages/detect/bench/template.bench.ts
 */
const LINES = 20_000;
const ROUNDS = 9;
const SERVICES = 40;
/** Printed beside the figure; a time is never asserted. */
const MICROSECONDS_GOAL = 6;
/** A line that passes costs at most this many times the JSON.parse of its record… */
const PASS_RATIO_MAX = 5;
/** …and one of a service of free text at most this many times one whose kind is known. */
const FREE_TEXT_RATIO_MAX = 8;

const START_MS = Date.parse("2026-06-01T00:00:00Z");

const FORMS: readonly ((random: Random, id: number) => string)[] = [
  (random, id) =>
    `order ${id} failed: upstream timeout after ${random.between(1, 900).toFixed(1)} ms`,
  (_, id) => `connection to 10.0.${id % 256}.${(id * 7) % 256}:5432 refused, retry ${id % 5} of 5`,
  (_, id) => `user u-${id} not found in tenant ${(id * 2_654_435_761) >>> 0}`,
  (_, id) =>
    `GET https://shop.example/api/v1/orders/${id}?page=2 500 in ${id % 900}ms trace=${((id * 2_654_435_761) >>> 0).toString(16)}`,
  (_, id) =>
    `{"event":"refund_rejected","order":${id},"reason":"limit reached","by":"ops@shop.example"}`,
  (_, id) =>
    `TypeError: Cannot read properties of undefined (reading 'price')\n    at total (/srv/shop/src/cart.js:${id % 90}:13)`,
  (_, id) =>
    `2026-06-01T12:${String(id % 60).padStart(2, "0")}:11.042Z [worker-${id % 8}] job 550e8400-e29b-41d4-a716-${String(446655440000 + id)} gave up`,
];

function lines(freeText: boolean): string[] {
  const random = new Random("template bench");
  const word = () =>
    Math.floor(random.uniform() * 2 ** 40)
      .toString(36)
      .replace(/\d/gu, "x");
  return Array.from({ length: LINES }, (_, id) => {
    if (freeText) return Array.from({ length: 9 }, word).join(" ");
    return FORMS[Math.floor(FORMS.length * random.uniform() ** 2)]?.(random, 100_000 + id) ?? "";
  });
}

/** Microseconds a line. */
function costOf(run: () => void): number {
  const start = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - start) / 1_000 / LINES;
}

function feed(book: TemplateBook, messages: readonly string[], round: number): void {
  for (const [at, message] of messages.entries()) {
    const timestampMs = START_MS + (round * LINES + at) * 20;
    const slot = at % SERVICES;
    const weight = book.weigh(slot, timestampMs, LevelIndex.error);
    if (weight > 0) book.add(slot, timestampMs, LevelIndex.error, message, weight);
  }
}

function look(book: TemplateBook, round: number): number {
  let passed = 0;
  for (let at = 0; at < LINES; at += 1) {
    const timestampMs = START_MS + (round * LINES + at) * 0.02;
    passed += book.weigh(at % SERVICES, timestampMs, LevelIndex.info) > 0 ? 1 : 0;
  }
  return passed;
}

function parseAll(texts: readonly string[]): void {
  for (const text of texts) JSON.parse(text);
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? Number.NaN;
}

const known = lines(false);
const free = lines(true);
const records = known.map((message, at) =>
  JSON.stringify({ time: START_MS + at, level: "error", service: `s${at % SERVICES}`, message }),
);
const [book, freeBook, lookBook] = [new TemplateBook(), new TemplateBook(), new TemplateBook()];
const costs = { pass: [0], free: [0], look: [0], parse: [0] };
for (const list of Object.values(costs)) list.length = 0;
for (let round = 0; round < ROUNDS; round += 1) {
  costs.pass.push(costOf(() => feed(book, known, round)));
  costs.free.push(costOf(() => feed(freeBook, free, round)));
  costs.look.push(costOf(() => look(lookBook, round)));
  costs.parse.push(costOf(() => parseAll(records)));
}
const passRatio = median(costs.pass) / median(costs.parse);
const freeRatio = median(costs.free) / median(costs.pass);
process.stdout.write(
  `a line of a known kind   ${median(costs.pass).toFixed(2)} µs (goal ${MICROSECONDS_GOAL})\n` +
    `a line of free text      ${median(costs.free).toFixed(2)} µs, ${freeRatio.toFixed(1)} times that (at most ${FREE_TEXT_RATIO_MAX})\n` +
    `a line only looked at    ${median(costs.look).toFixed(3)} µs\n` +
    `JSON.parse of its record ${median(costs.parse).toFixed(2)} µs, ratio ${passRatio.toFixed(2)} (at most ${PASS_RATIO_MAX})\n` +
    `held                     ${Math.round(book.bytes / SERVICES)} bytes a service, free text ${Math.round(freeBook.bytes / SERVICES)}\n`,
);
if (!(passRatio <= PASS_RATIO_MAX && freeRatio <= FREE_TEXT_RATIO_MAX)) process.exitCode = 1;
