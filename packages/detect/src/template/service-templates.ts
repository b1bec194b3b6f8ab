import { LevelIndex } from "@tracer/core";
import { KindTable } from "./kind-table.ts";
import type { MessageKind } from "./message-kind.ts";
import { FREE_TEXT_MS, LEARNING_HOURS_MIN, LEARNING_MS } from "./novelty.ts";
import type { MoreKinds } from "./template-signal.ts";

const HOUR_MS = 3_600_000;

/** What is known of the messages of one service. Times are event time. */
export class ServiceTemplates {
  /** By group of levels; null until a line of it came. */
  readonly tables: (KindTable | null)[] = [null, null, null];
  firstMs: number;
  /** The newest line that passed. */
  lastMs: number;
  /** Different hours of event time with lines, and the newest of them. */
  hours = 1;
  hour: number;
  /** Kinds that wait, are due or are open. */
  readonly active = new Set<MessageKind>();
  /** When the last signals were decided, oldest first. */
  openedMs: number[] = [];
  more: MoreKinds | null = null;
  /** Onset of an `error` signal that is still open; null when none is. */
  errorSinceMs: number | null = null;

  constructor(timestampMs: number) {
    this.firstMs = timestampMs;
    this.lastMs = timestampMs;
    this.hour = Math.floor(timestampMs / HOUR_MS);
  }

  note(timestampMs: number): void {
    if (timestampMs > this.lastMs) this.lastMs = timestampMs;
    const hour = Math.floor(timestampMs / HOUR_MS);
    if (hour <= this.hour) return;
    this.hour = hour;
    this.hours += 1;
  }

  isLearning(nowMs: number): boolean {
    return nowMs - this.firstMs < LEARNING_MS || this.hours < LEARNING_HOURS_MIN;
  }

  /** True while some level holds so many kinds that others had to go: it is prose, not templates. */
  isFreeText(nowMs: number): boolean {
    return this.tables.some((table) => table !== null && nowMs - table.evictedMs < FREE_TEXT_MS);
  }

  /** The table of an index into GROUPS; made when it is new. */
  tableOf(group: number): KindTable {
    const found = this.tables[group];
    if (found) return found;
    const table = new KindTable(group);
    this.tables[group] = table;
    return table;
  }
}

/** Index into GROUPS of a level. */
export function groupOf(level: number): number {
  if (level >= LevelIndex.error) return 2;
  return level === LevelIndex.warn ? 1 : 0;
}
