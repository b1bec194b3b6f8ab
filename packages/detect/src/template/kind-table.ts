import assert from "node:assert/strict";
import type { LineMasker } from "./line-masker.ts";
import type { MessageKind } from "./message-kind.ts";
import { MinuteCounts } from "./minute-counts.ts";
import { hashOf, WILD } from "./token-hash.ts";

/** Kinds held per service and group of levels. */
export const KINDS_MAX = 100;
/** Characters kept of a kind's text. */
export const TEXT_CHARS_MAX = 300;
/** Kinds that differ in one word, or in two, are one kind with a value there once there are so many. */
const SIBLINGS_ONE = 4;
const SIBLINGS_TWO = 8;
/** Words that must be the same in siblings. */
const SAME_SHARE_MIN = 0.5;
/** Where kinds had to go in the last hour, one line in so many that fit none is held. */
const PROSE_EACH = 16;
const PROSE_MS = 3_600_000;
/** What a kind costs beside its tokens, with a text of usual length. */
const KIND_BYTES = 900;

function bytesOf(kind: MessageKind): number {
  return KIND_BYTES + 12 * kind.tokens.length;
}

/** The kinds of one service and group of levels. */
export class KindTable {
  readonly group: number;
  readonly kinds: MessageKind[] = [];
  bytes = 0;
  /** Lines that came, and when a kind was last given up for another because there was no room. */
  lines = 0;
  evictedMs = Number.NEGATIVE_INFINITY;
  readonly minutes = new MinuteCounts();
  readonly #exact = new Map<number, MessageKind>();

  constructor(group: number) {
    this.group = group;
  }

  /** The kind of the line that was read, if it is held. */
  find(line: LineMasker): MessageKind | null {
    const exact = this.#exact.get(line.hash);
    if (exact !== undefined && fits(exact, line)) return exact;
    // In the order in which they are kept, so that it is the same after a restart.
    for (const kind of this.kinds) if (kind.isWild && fits(kind, line)) return kind;
    return null;
  }

  /** Whether a line that fits none need not be held: nearly all of prose, of which there is no end. */
  passesOver(timestampMs: number): boolean {
    if (this.kinds.length < KINDS_MAX || timestampMs - this.evictedMs > PROSE_MS) return false;
    if (this.lines % PROSE_EACH === 0) return false;
    this.evictedMs = Math.max(this.evictedMs, timestampMs);
    return true;
  }

  /**
   * Holds the kind of a line that none of the others fits, or makes others more general so that they do.
   * When full, the kind that was not seen for longest gives way; an open one never does.
   */
  add(
    line: LineMasker,
    at: { readonly timestampMs: number; readonly count: number; readonly level: number },
  ): { kind: MessageKind; isNew: boolean; gone: MessageKind[] } {
    const siblings = this.#siblings(line);
    if (siblings !== null) return { ...this.#generalise(siblings), isNew: false };
    const gone: MessageKind[] = [];
    if (this.kinds.length >= KINDS_MAX) {
      const oldest = this.#longestUnseen();
      if (oldest !== undefined) {
        this.#drop(oldest);
        gone.push(oldest);
        this.evictedMs = Math.max(this.evictedMs, at.timestampMs);
      }
    }
    const kind = newKind(line, this.group, at);
    this.put(kind);
    return { kind, isNew: true, gone };
  }

  /** Holds a kind as it was saved. */
  put(kind: MessageKind): void {
    this.kinds.push(kind);
    this.bytes += bytesOf(kind);
    if (!kind.isWild) this.#exact.set(hashOf(kind.tokens, kind.tokens.length), kind);
  }

  /** Kinds that differ from the line in the same one or two words, when there are enough; else null. */
  #siblings(line: LineMasker): { kinds: MessageKind[]; places: readonly number[] } | null {
    const bySpot = new Map<number, MessageKind[]>();
    for (const kind of this.kinds) {
      const spot = spotOf(kind, line);
      const isKnown = kind.state === "known";
      if (spot < 0 || (spot >= 64 && !isKnown)) continue;
      const found = bySpot.get(spot) ?? [];
      found.push(kind);
      bySpot.set(spot, found);
      // A new kind with a name in it is still one new kind.
      const enough = !isKnown ? 1 : spot < 64 ? SIBLINGS_ONE : SIBLINGS_TWO;
      if (!isKnown) found.splice(0, found.length, kind);
      if (found.length >= enough) {
        const places = spot < 64 ? [spot] : [(spot >> 6) - 1, spot & 63];
        return { kinds: found, places };
      }
    }
    return null;
  }

  #generalise({ kinds, places }: { kinds: MessageKind[]; places: readonly number[] }): {
    kind: MessageKind;
    gone: MessageKind[];
  } {
    const [kept] = kinds;
    assert(kept !== undefined);
    const gone: MessageKind[] = [];
    this.#unlist(kept);
    for (const place of places) widen(kept, place);
    for (const kind of this.kinds.filter((each) => each !== kept && covers(kept, each))) {
      if (kind.state === "open" || kind.state === "due") continue;
      // What is known stays known by itself, or a new kind would seem to have come for long.
      if (kept.state !== "known" && kind.state === "known") continue;
      absorb(kept, kind);
      this.#drop(kind);
      gone.push(kind);
    }
    return { kind: kept, gone };
  }

  #longestUnseen(): MessageKind | undefined {
    let oldest: MessageKind | undefined;
    for (const kind of this.kinds) {
      if (kind.state === "open" || kind.state === "due") continue;
      if (oldest === undefined || kind.lastMs < oldest.lastMs) oldest = kind;
    }
    return oldest;
  }

  #drop(kind: MessageKind): void {
    this.#unlist(kind);
    this.kinds.splice(this.kinds.indexOf(kind), 1);
    this.bytes -= bytesOf(kind);
  }

  #unlist(kind: MessageKind): void {
    const hash = hashOf(kind.tokens, kind.tokens.length);
    if (this.#exact.get(hash) === kind) this.#exact.delete(hash);
  }
}

function fits({ tokens }: MessageKind, line: LineMasker): boolean {
  if (tokens.length !== line.length) return false;
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at];
    if (token !== WILD && token !== line.hashes[at]) return false;
  }
  return true;
}

function covers(general: MessageKind, kind: MessageKind): boolean {
  if (general.tokens.length !== kind.tokens.length) return false;
  return general.tokens.every((token, at) => token === WILD || token === kind.tokens[at]);
}

/** Where a line differs from a kind: one place, or two as `first * 64 + second`; -1: nowhere, or too much. */
function spotOf({ tokens }: MessageKind, line: LineMasker): number {
  const length = tokens.length;
  if (length !== line.length || length < 2) return -1;
  let first = -1;
  let second = -1;
  for (let at = 0; at < length; at += 1) {
    const token = tokens[at];
    if (token === WILD || token === line.hashes[at]) continue;
    if (second >= 0) return -1;
    if (first < 0) first = at;
    else second = at;
  }
  const differing = second >= 0 ? 2 : 1;
  if (first < 0 || length - differing < length * SAME_SHARE_MIN) return -1;
  return second < 0 ? first : (first + 1) * 64 + second;
}

function widen(kind: MessageKind, place: number): void {
  if (kind.tokens[place] === WILD) return;
  kind.tokens[place] = WILD;
  kind.isWild = true;
  kind.shown = null;
  if (kind.ends.length === 0) return; // It was saved redacted, and does not say where its words are.
  const from = place === 0 ? 0 : (kind.ends[place - 1] ?? kind.text.length);
  const to = kind.ends[place] ?? kind.text.length;
  const old = kind.text.slice(from, to);
  const fresh = old.startsWith(" ") ? " <*>" : "<*>";
  kind.text = kind.text.slice(0, from) + fresh + kind.text.slice(to);
  kind.ends = kind.ends.map((end, at) => (at < place ? end : end + fresh.length - old.length));
}

function absorb(kept: MessageKind, kind: MessageKind): void {
  kept.minutes ??= new MinuteCounts();
  if (kind.minutes === null) kept.minutes.add(kind.lastMs, kind.lines);
  else kept.minutes.merge(kind.minutes);
  kept.lines += kind.lines;
  kept.occasions += kind.occasions;
  kept.occasionMs = Math.max(kept.occasionMs, kind.occasionMs);
  kept.firstMs = Math.min(kept.firstMs, kind.firstMs);
  kept.lastMs = Math.max(kept.lastMs, kind.lastMs);
  kept.level = Math.max(kept.level, kind.level);
}

function newKind(
  line: LineMasker,
  group: number,
  { timestampMs, count, level }: { timestampMs: number; count: number; level: number },
): MessageKind {
  const { text, ends } = line.text();
  const tokens = line.hashes.slice(0, line.length);
  return {
    group,
    part: partOf(tokens, group),
    tokens,
    text: clipped(text),
    ends: ends.map((end) => Math.min(end, TEXT_CHARS_MAX)),
    isWild: false,
    shown: null,
    state: "known",
    lines: count,
    occasions: 1,
    occasionMs: timestampMs,
    firstMs: timestampMs,
    lastMs: timestampMs,
    minutes: null,
    hits: 1,
    hitMs: timestampMs,
    level,
    peak: count,
    decidedMs: 0,
    evidence: 0,
    bar: 0,
    judgedMs: 0,
  };
}

/** A copy of its own: a part of a string would hold the whole line in memory. */
function clipped(text: string): string {
  return Buffer.from(text.slice(0, TEXT_CHARS_MAX)).toString();
}

/** Twelve hex digits that are the same in every process for the same kind at the same level. */
export function partOf(tokens: Int32Array, group: number): string {
  let low = 0x811c9dc5 ^ group;
  let high = 0x9747b28c ^ group;
  for (const token of tokens) {
    low = Math.imul(low ^ token, 0x01000193) ^ (low >>> 15);
    high = Math.imul(high ^ token, 0x5bd1e995) ^ (high >>> 13);
  }
  const hex = (value: number) => (value >>> 0).toString(16).padStart(8, "0");
  return `${hex(high)}${hex(low)}`.slice(0, 12);
}
