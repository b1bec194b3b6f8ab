import { LEVELS } from "@tracer/core";
import { invalidSnapshot, soundNumber, wholeIn } from "../snapshot-bytes.ts";
import { KINDS_MAX, TEXT_CHARS_MAX } from "./kind-table.ts";
import { TOKENS_MAX } from "./line-masker.ts";
import { GROUPS, type KindState, type MessageKind, shownText } from "./message-kind.ts";
import { MINUTES, MinuteCounts } from "./minute-counts.ts";
import { SIGNALS_PER_HOUR_MAX } from "./novelty.ts";
import { ServiceTemplates } from "./service-templates.ts";
import type { MoreKinds } from "./template-signal.ts";

/** What is known of one service as plain JSON. */
export type SavedTemplates = readonly unknown[];

const STATES: readonly KindState[] = ["known", "waiting", "due", "open"];
const VERSION = 1;
const INT_MAX = 2 ** 31 - 1;
const TIME_MAX = 8.64e15;
const COUNT_MAX = Number.MAX_SAFE_INTEGER;

export function savedService(service: ServiceTemplates): SavedTemplates {
  const { firstMs, lastMs, hours, hour, openedMs, more, errorSinceMs } = service;
  return [
    VERSION,
    [firstMs, lastMs, hours, hour],
    openedMs,
    more === null ? null : savedMore(more),
    errorSinceMs,
    service.tables.map((table) =>
      table === null
        ? null
        : [
            table.lines,
            Number.isFinite(table.evictedMs) ? table.evictedMs : null,
            savedMinutes(table.minutes),
            table.kinds.map(savedKind),
          ],
    ),
  ];
}

/** @throws TracerError SNAPSHOT_INVALID: it is not what `savedService` makes. */
export function loadedService(saved: unknown): ServiceTemplates {
  const [version, times, opened, more, errorSinceMs, tables] = listIn(saved, 6);
  if (version !== VERSION) throw invalidSnapshot("its templates are of another version");
  const [firstMs, lastMs, hours, hour] = listIn(times, 4);
  const service = new ServiceTemplates(timeIn(firstMs));
  service.lastMs = timeIn(lastMs);
  service.hours = whole(hours, 1, COUNT_MAX);
  service.hour = whole(hour, -COUNT_MAX, COUNT_MAX);
  service.openedMs = listIn(opened, SIGNALS_PER_HOUR_MAX).map(timeIn);
  service.more = more === null ? null : loadedMore(more);
  service.errorSinceMs = errorSinceMs === null ? null : timeIn(errorSinceMs);
  for (const [group, each] of listIn(tables, GROUPS.length).entries()) {
    if (each !== null) loadTable(service, group, each);
  }
  return service;
}

function loadTable(service: ServiceTemplates, group: number, saved: unknown): void {
  const [lines, evictedMs, minutes, kinds] = listIn(saved, 4);
  const table = service.tableOf(group);
  table.lines = whole(lines, 0, COUNT_MAX);
  if (evictedMs !== null) table.evictedMs = timeIn(evictedMs);
  table.minutes.merge(loadedMinutes(minutes));
  for (const each of listIn(kinds, KINDS_MAX)) {
    const kind = loadedKind(each, group);
    table.put(kind);
    if (kind.state !== "known") service.active.add(kind);
  }
}

function savedKind(kind: MessageKind): unknown[] {
  const text = shownText(kind);
  return [
    kind.part,
    text,
    text === kind.text ? kind.ends : [], // Where the words are of a text that was redacted, nobody knows.
    [...kind.tokens],
    [STATES.indexOf(kind.state), kind.lines, kind.occasions, kind.hits, kind.level, kind.peak],
    [kind.firstMs, kind.lastMs, kind.hitMs, kind.decidedMs, kind.judgedMs, kind.occasionMs],
    [kind.evidence, kind.bar],
    kind.minutes === null ? null : savedMinutes(kind.minutes),
    kind.isWild ? 1 : 0,
  ];
}

function loadedKind(saved: unknown, group: number): MessageKind {
  const [part, text, ends, tokens, counts, times, nats, minutes, isWild] = listIn(saved, 9);
  const hashes = listIn(tokens, TOKENS_MAX).map((token) => whole(token, -INT_MAX - 1, INT_MAX));
  const [state, lines, occasions, hits, level, peak] = listIn(counts, 6);
  const [firstMs, lastMs, hitMs, decidedMs, judgedMs, occasionMs] = listIn(times, 6).map(timeIn);
  const [evidence, bar] = listIn(nats, 2).map((value) => soundNumber(numberIn(value)));
  if (typeof part !== "string" || !/^[0-9a-f]{12}$/u.test(part) || hashes.length === 0) {
    throw invalidSnapshot("a template has no name");
  }
  return {
    group,
    part,
    tokens: Int32Array.from(hashes),
    text: textIn(text),
    ends: listIn(ends, TOKENS_MAX).map((end) => whole(end, 0, TEXT_CHARS_MAX)),
    isWild: isWild === 1,
    shown: null,
    state: STATES[whole(state, 0, STATES.length - 1)] ?? "known",
    lines: whole(lines, 1, COUNT_MAX),
    occasions: whole(occasions, 1, COUNT_MAX),
    occasionMs: occasionMs ?? 0,
    firstMs: firstMs ?? 0,
    lastMs: lastMs ?? 0,
    minutes: minutes === null ? null : loadedMinutes(minutes),
    hits: whole(hits, 1, COUNT_MAX),
    hitMs: hitMs ?? 0,
    level: whole(level, 0, LEVELS.length - 1),
    peak: whole(peak, 0, COUNT_MAX),
    decidedMs: decidedMs ?? 0,
    evidence: evidence ?? 0,
    bar: bar ?? 0,
    judgedMs: judgedMs ?? 0,
  };
}

function savedMore(more: MoreKinds): number[] {
  const { onsetMs, decidedMs, judgedMs, kinds, lines, lastMs, level } = more;
  return [onsetMs, decidedMs, judgedMs, lastMs, kinds, lines, level];
}

function loadedMore(saved: unknown): MoreKinds {
  const [onsetMs, decidedMs, judgedMs, lastMs, kinds, lines, level] = listIn(saved, 7);
  return {
    onsetMs: timeIn(onsetMs),
    decidedMs: timeIn(decidedMs),
    judgedMs: timeIn(judgedMs),
    lastMs: timeIn(lastMs),
    kinds: whole(kinds, 1, COUNT_MAX),
    lines: whole(lines, 1, COUNT_MAX),
    level: whole(level, 0, LEVELS.length - 1),
  };
}

/** The first minute, then how many after it and the count, again and again. */
function savedMinutes(minutes: MinuteCounts): number[] {
  const saved: number[] = [];
  let before = 0;
  for (const [minute, count] of minutes.entries()) {
    saved.push(minute - before, count);
    before = minute;
  }
  return saved;
}

function loadedMinutes(saved: unknown): MinuteCounts {
  const numbers = listIn(saved, 2 * MINUTES);
  const minutes = new MinuteCounts();
  let minute = 0;
  for (let at = 0; at + 1 < numbers.length; at += 2) {
    minute += whole(numbers[at], -TIME_MAX, TIME_MAX);
    minutes.add(minute * 60_000, whole(numbers[at + 1], 0, 65_535));
  }
  return minutes;
}

function listIn(value: unknown, lengthMax: number): readonly unknown[] {
  if (Array.isArray(value) && value.length <= lengthMax) return value;
  throw invalidSnapshot("a list of its templates is none, or too long");
}

function textIn(value: unknown): string {
  if (typeof value === "string" && value.length <= TEXT_CHARS_MAX) return value;
  throw invalidSnapshot("the text of a template is none, or too long");
}

function numberIn(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function whole(value: unknown, min: number, max: number): number {
  return wholeIn(numberIn(value), min, max);
}

/** Event time may have fractions of a millisecond. */
function timeIn(value: unknown): number {
  const time = soundNumber(numberIn(value));
  if (Math.abs(time) <= TIME_MAX) return time;
  throw invalidSnapshot("a time of its templates is none");
}
