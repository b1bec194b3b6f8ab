import assert from "node:assert/strict";
import {
  BUCKET_MS,
  type Ending,
  LEVELS,
  type Signal,
  STEP_MS,
  stepStartOf,
  TEMPLATES_MAX,
  type TemplateCount,
} from "@tracer/core";
import type { Reason } from "../open-signal.ts";
import type { Transition } from "../transition.ts";
import type { KindTable } from "./kind-table.ts";
import { LineMasker } from "./line-masker.ts";
import { LineSampler } from "./line-sampler.ts";
import { countLine, GROUPS, linesBetween, type MessageKind, shownText } from "./message-kind.ts";
import { noveltyOf, SIGNALS_PER_HOUR_MAX, WAITING_MS } from "./novelty.ts";
import { groupOf, ServiceTemplates } from "./service-templates.ts";
import { kindSignal, MORE_PART, moreSignal } from "./template-signal.ts";
import { loadedService, type SavedTemplates, savedService } from "./template-snapshot.ts";

const HOUR_MS = 3_600_000;
const ERRORS = GROUPS.indexOf("error");
/** A signal ends when its kind has not come for this long… */
const QUIET_MS = 1_800_000;
/** …and when it has gone on for this long, it is known. */
const ACCEPT_MS = 6 * HOUR_MS;
/** A newcomer this shortly before an onset belongs to it. */
const NEW_BEFORE_MS = 300_000;
const BYTES_MAX = 48 * 1024 * 1024;
const SERVICE_BYTES = 1_200;
/** After a gap longer than this nobody knows how an open signal went on. */
const GAP_MS_MAX = 300_000;

/**
 * Whether new kinds of a service are told of. Not while they are `learning`, nor where the messages are
 * `free_text` without kinds, nor where there was `no_room` to learn them.
 */
export type TemplateState = "learning" | "ok" | "free_text" | "no_room";

export interface TemplateBookOptions {
  /** Estimated bytes of all that is known; a service beyond it is not learned. Default 48 MiB. */
  readonly bytesMax?: number;
}

/**
 * The kinds of message of every service, and a signal where a new one comes up. Pure: reads no clock, and
 * the same lines and calls give the same answers. A line is judged when it comes; a signal opens when
 * `settle` is told that the step of that line is closed, so that it is decided like all others.
 */
export class TemplateBook {
  readonly bytesMax: number;
  readonly #services = new Map<number, ServiceTemplates>();
  /** Slots with something that waits, is due or is open. */
  readonly #active = new Set<number>();
  readonly #masker = new LineMasker();
  readonly #sampler = new LineSampler();
  #pending: Transition[] = [];
  #bytes = 0;

  constructor({ bytesMax = BYTES_MAX }: TemplateBookOptions = {}) {
    this.bytesMax = bytesMax;
  }

  /** Estimated bytes of all that is known. */
  get bytes(): number {
    return this.#bytes;
  }

  /** For how many lines one stands that is to be given to `add`; 0: it does not pass. Ask once a line. */
  weigh(slot: number, timestampMs: number, level: number): number {
    return this.#sampler.weigh(slot, timestampMs, level);
  }

  /**
   * Takes the message of one record, of a step that is not closed. `level` is an index into LEVELS; `count`:
   * how many lines it stands for.
   */
  add(slot: number, timestampMs: number, level: number, message: string, count = 1): void {
    assert(Number.isFinite(timestampMs) && count >= 1);
    const service = this.#serviceOf(slot, timestampMs);
    if (service === null) return;
    const masker = this.#masker;
    masker.read(message);
    if (masker.length === 0) return;
    service.note(timestampMs);
    const table = service.tableOf(groupOf(level));
    table.lines += count;
    table.minutes.add(timestampMs, count);
    const known = table.find(masker);
    if (known !== null) {
      countLine(known, timestampMs, count);
      known.level = Math.max(known.level, level);
      if (known.state === "waiting") this.#judge(slot, service, table, known, timestampMs);
      return;
    }
    if (this.#bytes >= this.bytesMax || table.passesOver(timestampMs)) return;
    const before = table.bytes;
    const { kind, isNew, gone } = table.add(masker, { timestampMs, count, level });
    this.#bytes += table.bytes - before;
    for (const each of gone) service.active.delete(each);
    if (!isNew) {
      countLine(kind, timestampMs, count);
      if (kind.state === "known") service.active.delete(kind);
      if (kind.state === "waiting") this.#judge(slot, service, table, kind, timestampMs);
    } else if (!service.isLearning(timestampMs)) {
      kind.state = "waiting";
      service.active.add(kind);
      this.#active.add(slot);
      this.#judge(slot, service, table, kind, timestampMs);
    }
  }

  /** Takes note of what else was found: an alert about errors tells of the new kinds in them. */
  follow(transitions: readonly Transition[]): void {
    for (const { state, signal } of transitions) {
      const service = this.#services.get(signal.slot);
      if (signal.kind !== "error" || service === undefined) continue;
      service.errorSinceMs = state === "resolved" ? null : signal.onsetMs;
    }
  }

  /**
   * Opens and ends what can be decided now. `closedMsOf`: end of the last closed step of a slot, event time.
   * Visits only services where something is going on.
   */
  settle(closedMsOf: (slot: number) => number): void {
    for (const slot of this.#active) {
      const service = this.#services.get(slot);
      if (service !== undefined) this.#settle(slot, service, closedMsOf(slot));
      if (service === undefined || (service.active.size === 0 && service.more === null)) {
        this.#active.delete(slot);
      }
    }
    if (this.#pending.length > 1) this.#pending.sort(byDecision);
  }

  /** What opened or ended since the last call, in order of decision. */
  takeTransitions(): Transition[] {
    const pending = this.#pending;
    this.#pending = [];
    return pending;
  }

  /** Every open signal, with what is known by now. */
  openSignals(): Signal[] {
    const signals: Signal[] = [];
    for (const slot of [...this.#active].sort((left, right) => left - right)) {
      const service = this.#services.get(slot);
      if (service === undefined) continue;
      for (const kind of inOrder(service.active)) {
        if (kind.state === "open") signals.push(kindSignal(kind, slot, service.firstMs));
      }
      if (service.more !== null) signals.push(moreSignal(service.more, slot, service.firstMs));
    }
    return signals;
  }

  /**
   * The kinds that came most since `signal` began, most first: of its own level for `template`, errors (or
   * warnings, when there are none) for `error`, all for `volume`. Empty for the other kinds of signal.
   */
  templatesOf(signal: Pick<Signal, "slot" | "kind" | "part" | "onsetMs">): TemplateCount[] {
    const service = this.#services.get(signal.slot);
    if (service === undefined || signal.part === "drop") return [];
    const { onsetMs } = signal;
    for (const groups of groupsOf(signal)) {
      const kinds = groups.flatMap((group) => service.tables[group]?.kinds ?? []);
      const counts = kinds.flatMap((kind) => countOf(kind, service, onsetMs) ?? []);
      if (counts.length === 0) continue;
      return counts.sort((left, right) => right.now - left.now).slice(0, TEMPLATES_MAX);
    }
    return [];
  }

  /** True when a message of the slot's service was learned. */
  has(slot: number): boolean {
    return this.#services.has(slot);
  }

  /** True when a signal is open on a slot. */
  isOpen(slot: number): boolean {
    const service = this.#active.has(slot) ? this.#services.get(slot) : undefined;
    if (service === undefined) return false;
    return service.more !== null || [...service.active].some(({ state }) => state === "open");
  }

  /** Whether new kinds of a service are told of, and why not. */
  stateOf(slot: number): TemplateState {
    const service = this.#services.get(slot);
    if (service === undefined) {
      return this.#bytes + SERVICE_BYTES > this.bytesMax ? "no_room" : "learning";
    }
    if (service.isLearning(service.lastMs)) return "learning";
    if (this.#bytes >= this.bytesMax) return "no_room";
    return service.isFreeText(service.lastMs) ? "free_text" : "ok";
  }

  /** Ends an open signal because a person says that it is known. False: no such signal is open. */
  accept(slot: number, part: string): boolean {
    const service = this.#services.get(slot);
    if (service === undefined) return false;
    if (part === MORE_PART && service.more !== null) {
      this.#push(
        "resolved",
        moreSignal(service.more, slot, service.firstMs, "accepted_by_hand"),
        "accepted",
      );
      service.more = null;
      return true;
    }
    for (const kind of service.active) {
      if (kind.state !== "open" || kind.part !== part) continue;
      this.#end(slot, service, kind, "accepted_by_hand");
      service.active.delete(kind);
      return true;
    }
    return false;
  }

  /** Forgets a service; its open signals end. */
  release(slot: number): void {
    this.#sampler.release(slot);
    const service = this.#services.get(slot);
    if (service === undefined) return;
    for (const kind of service.active) {
      if (kind.state === "open") this.#end(slot, service, kind, null);
    }
    if (service.more !== null) {
      this.#push("resolved", moreSignal(service.more, slot, service.firstMs));
    }
    for (const table of service.tables) this.#bytes -= table?.bytes ?? 0;
    this.#bytes -= SERVICE_BYTES;
    this.#services.delete(slot);
    this.#active.delete(slot);
  }

  /** After releases: gives back the memory of slots from `slotEnd` on, all of them free. */
  trim(slotEnd: number): void {
    this.#sampler.trim(slotEnd);
  }

  /** The services that are known, by slot. */
  slots(): number[] {
    return [...this.#services.keys()];
  }

  /** What is known of a service, as plain JSON for a snapshot; null when nothing is. */
  saveSlot(slot: number): SavedTemplates | null {
    const service = this.#services.get(slot);
    if (service === undefined) return null;
    return [this.#sampler.saved(slot), savedService(service)];
  }

  /**
   * Takes over what `saveSlot` made. A service that there is no room for is learned anew.
   *
   * @throws TracerError SNAPSHOT_INVALID: then throw this book away.
   */
  loadSlot(slot: number, saved: unknown): void {
    assert(!this.#services.has(slot));
    const [sampled, known] = Array.isArray(saved) ? saved : [];
    const service = loadedService(known);
    const bytes = service.tables.reduce((sum, table) => sum + (table?.bytes ?? 0), SERVICE_BYTES);
    if (this.#bytes + bytes > this.bytesMax) return;
    this.#sampler.load(slot, sampled);
    this.#bytes += bytes;
    this.#services.set(slot, service);
    if (service.active.size > 0 || service.more !== null) this.#active.add(slot);
  }

  /**
   * Goes on after nobody listened for `gapMs`. Time in which nothing could be heard is none in which a
   * service was learned; after more than 5 minutes open signals are dropped without a transition.
   */
  resume(gapMs: number): void {
    if (gapMs <= GAP_MS_MAX) return;
    for (const service of this.#services.values()) {
      service.firstMs += gapMs;
      for (const kind of service.active) kind.state = "known";
      service.active.clear();
      service.more = null;
      service.errorSinceMs = null;
    }
    this.#active.clear();
  }

  #serviceOf(slot: number, timestampMs: number): ServiceTemplates | null {
    const known = this.#services.get(slot);
    if (known !== undefined) return known;
    if (this.#bytes + SERVICE_BYTES > this.bytesMax) return null;
    const service = new ServiceTemplates(timestampMs);
    this.#services.set(slot, service);
    this.#bytes += SERVICE_BYTES;
    return service;
  }

  #judge(
    slot: number,
    service: ServiceTemplates,
    table: KindTable,
    kind: MessageKind,
    nowMs: number,
  ): void {
    const knownMs = kind.firstMs - service.firstMs;
    const errorSinceMs = kind.group === ERRORS ? service.errorSinceMs : null;
    const { evidence, bar } = noveltyOf({ kind, table, knownMs, nowMs, errorSinceMs });
    if (evidence < bar) return;
    kind.state = "due";
    kind.evidence = evidence;
    kind.bar = bar;
    kind.decidedMs = stepStartOf(nowMs) + STEP_MS;
    kind.judgedMs = kind.decidedMs;
    this.#active.add(slot);
  }

  #settle(slot: number, service: ServiceTemplates, closedMs: number): void {
    for (const kind of inOrder(service.active)) {
      if (kind.state === "waiting" && closedMs - kind.firstMs >= WAITING_MS) {
        kind.state = "known";
      } else if (kind.state === "due" && closedMs >= kind.decidedMs) {
        this.#open(slot, service, kind);
      }
      if (kind.state === "open") {
        kind.judgedMs = Math.max(kind.judgedMs, closedMs);
        if (closedMs - kind.lastMs >= QUIET_MS) this.#end(slot, service, kind, "not_seen");
        else if (closedMs - kind.decidedMs >= ACCEPT_MS) this.#end(slot, service, kind, "accepted");
      }
      if (kind.state === "known") service.active.delete(kind);
    }
    const { more } = service;
    if (more === null) return;
    more.judgedMs = Math.max(more.judgedMs, closedMs);
    if (closedMs - more.lastMs < QUIET_MS) return;
    this.#push("resolved", moreSignal(more, slot, service.firstMs, "not_seen"));
    service.more = null;
  }

  #open(slot: number, service: ServiceTemplates, kind: MessageKind): void {
    const { decidedMs } = kind;
    service.openedMs = service.openedMs.filter((atMs) => decidedMs - atMs < HOUR_MS);
    if (service.openedMs.length < SIGNALS_PER_HOUR_MAX) {
      service.openedMs.push(decidedMs);
      kind.state = "open";
      this.#push("opened", kindSignal(kind, slot, service.firstMs));
      return;
    }
    kind.state = "known";
    if (service.more !== null) {
      service.more.kinds += 1;
      service.more.lines += kind.lines;
      service.more.lastMs = Math.max(service.more.lastMs, decidedMs);
      service.more.level = Math.max(service.more.level, kind.level);
      return;
    }
    service.more = {
      ...{ onsetMs: stepStartOf(kind.firstMs), decidedMs, judgedMs: decidedMs },
      ...{ kinds: 1, lines: kind.lines, lastMs: decidedMs, level: kind.level },
    };
    this.#push("opened", moreSignal(service.more, slot, service.firstMs));
  }

  #end(slot: number, service: ServiceTemplates, kind: MessageKind, ending: Ending | null): void {
    const isAccepted = ending === "accepted" || ending === "accepted_by_hand";
    const reason = isAccepted ? "accepted" : "evidence";
    this.#push("resolved", kindSignal(kind, slot, service.firstMs, ending), reason);
    kind.state = "known";
  }

  #push(state: "opened" | "resolved", signal: Signal, reason: Reason = "evidence"): void {
    this.#pending.push({ state, reason, signal });
  }
}

function groupsOf({ kind, part }: Pick<Signal, "kind" | "part">): readonly (readonly number[])[] {
  if (kind === "error") return [[2], [1]];
  if (kind === "volume") return [[0, 1, 2]];
  return kind === "template" && part === MORE_PART ? [[1, 2]] : [];
}

/** Rates of a kind; null when it did not come since. */
function countOf(
  kind: MessageKind,
  service: ServiceTemplates,
  onsetMs: number,
): TemplateCount | null {
  const fromMs = Math.floor(onsetMs / BUCKET_MS) * BUCKET_MS;
  const untilMs = service.lastMs + 1;
  const lines = linesBetween(kind, fromMs, untilMs);
  const level = LEVELS[kind.level];
  if (lines === 0 || level === undefined) return null;
  const hourMs = Math.min(HOUR_MS, Math.max(BUCKET_MS, fromMs - service.firstMs));
  const before = linesBetween(kind, fromMs - hourMs, fromMs) / (hourMs / BUCKET_MS);
  const now = lines / Math.max(1, (untilMs - onsetMs) / BUCKET_MS);
  const isNew = kind.firstMs >= onsetMs - NEW_BEFORE_MS && !service.isLearning(kind.firstMs);
  return { text: shownText(kind), level, before, now, isNew };
}

function byDecision(left: Transition, right: Transition): number {
  return (
    momentOf(left) - momentOf(right) ||
    left.signal.slot - right.signal.slot ||
    (left.signal.part < right.signal.part ? -1 : 1)
  );
}

/** By decision, so that the order in which they came to be active cannot show. */
function inOrder(kinds: ReadonlySet<MessageKind>): MessageKind[] {
  return [...kinds].sort(
    (left, right) => left.decidedMs - right.decidedMs || (left.part < right.part ? -1 : 1),
  );
}

function momentOf({ state, signal }: Transition): number {
  return state === "opened" ? signal.decidedMs : signal.lastStepMs;
}
