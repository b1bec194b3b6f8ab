import { incidentIdOf } from "@tracer/core";
import type { DatabaseBook, StoredAttempt, StoredDelivery } from "./database-book.ts";
import type { Ledger } from "./ledger.ts";
import type { Effect } from "./sink.ts";

/** What detectors were promised, what providers did, and what the database says. */
export interface Books {
  readonly ledger: Pick<Ledger, "acknowledged" | "created">;
  readonly effects: readonly Effect[];
  readonly database: DatabaseBook;
}

export interface CompareOptions {
  /** How many epochs a fingerprint must have come to; undefined: as many as were acknowledged or more. */
  readonly epochsOf?: (fingerprint: string) => number | undefined;
  /** How long a sender waits before it looks for a message that may be under way. Default: for ever, so that no
   * message is thought to have come after the look. */
  readonly settleMs?: number;
}

/** All but the first three, `marked` and `overtaken` must be 0. */
export interface Findings {
  readonly incidents: number;
  readonly deliveries: number;
  /** Attempts that nobody knows the end of: the crashes and cuts that hit a send. */
  readonly unknownEnds: number;
  /** Promised or stored, and a channel that is owed it was never told. */
  readonly lost: number;
  /** More incidents than there should be, or two that were told to have created the same one. */
  readonly doubled: number;
  /** A second copy of a message, where the provider could have been asked. */
  readonly repeats: number;
  /** A second copy that says that it may be one: the provider could not be asked. */
  readonly marked: number;
  /** A second copy, because the provider did what it was asked only after it had been asked whether it had. */
  readonly overtaken: number;
  /** A firing after the end of its epoch, or an end before its beginning. */
  readonly reordered: number;
  /** Counted as sent, and the provider does not have it. */
  readonly falselySettled: number;
  /** The last message says other than the incident's state. */
  readonly disagreeing: number;
  readonly undone: number;
  readonly dead: number;
  /** The first of what is wrong, in words. */
  readonly problems: readonly string[];
}

type Count = { -readonly [Name in Exclude<keyof Findings, "problems">]: Findings[Name] };

const PROBLEMS_MAX = 20;
/** In a message that names no one incident. */
const DIGEST_ID = /"digest_id":"([\w-]+)"/;

/** Compares the three books. What it finds is wrong with the product, or with the run. */
export function compareBooks(books: Books, options: CompareOptions = {}): Findings {
  const comparison = new Comparison(books, options);
  comparison.promises();
  comparison.epochs();
  for (const delivery of books.database.deliveries) comparison.delivery(delivery);
  for (const { fingerprint, epoch, state } of books.database.incidents) {
    comparison.incident(fingerprint, epoch, state);
  }
  comparison.messages();
  return comparison.findings();
}

/** Nothing that must be 0 is anything else. */
export function isClean(findings: Findings): boolean {
  const { incidents: _, deliveries: __, unknownEnds: ___, ...others } = findings;
  const { marked: _____, overtaken: ______, ...rest } = others;
  return Object.values(rest).every(
    (value) => value === 0 || (Array.isArray(value) && value.length === 0),
  );
}

class Comparison {
  readonly #books: Books;
  readonly #options: CompareOptions;
  readonly #effects: ReadonlyMap<string, readonly Effect[]>; // By incident and channel.
  readonly #deliveries: ReadonlyMap<string, readonly StoredDelivery[]>; // By incident.
  readonly #attempts: ReadonlyMap<string, readonly StoredAttempt[]>; // By delivery.
  readonly #digests: ReadonlyMap<string, Effect>; // By its id and channel.
  readonly #problems: string[] = [];
  readonly #count: Count;

  constructor(books: Books, options: CompareOptions) {
    this.#books = books;
    this.#options = options;
    const { incidents, deliveries } = books.database;
    this.#effects = Map.groupBy(
      books.effects,
      (effect) => `${effect.incidentId} ${effect.channel}`,
    );
    this.#deliveries = Map.groupBy(deliveries, ({ fingerprint, epoch }) =>
      incidentIdOf(fingerprint, epoch),
    );
    this.#digests = new Map(
      books.effects
        .filter(({ text }) => text !== "")
        .map((effect) => [`${DIGEST_ID.exec(effect.text)?.[1]} ${effect.channel}`, effect]),
    );
    this.#attempts = new Map(deliveries.map(({ id, attempts }) => [id, attempts]));
    const attempts = deliveries.flatMap((delivery) =>
      delivery.attempts.map(({ outcome }) => outcome),
    );
    this.#count = {
      incidents: incidents.length,
      deliveries: deliveries.filter(({ state }) => state === "sent").length,
      unknownEnds: attempts.filter((end) => end === null || end === "ambiguous").length,
      ...{ lost: 0, doubled: 0, repeats: 0, marked: 0, overtaken: 0 },
      ...{ reordered: 0, falselySettled: 0, disagreeing: 0, undone: 0, dead: 0 },
    };
  }

  findings(): Findings {
    return { ...this.#count, problems: this.#problems };
  }

  #wrong(what: keyof Count, text: string, by = 1): void {
    this.#count[what] += by;
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push(`${what}: ${text}`);
  }

  /** What was acknowledged is stored; an epoch was created by one. */
  promises(): void {
    const stored = new Set(
      this.#books.database.incidents.map(({ fingerprint, epoch }) => `${fingerprint} ${epoch}`),
    );
    for (const name of this.#books.ledger.acknowledged.keys()) {
      if (!stored.has(name)) this.#wrong("lost", `${name} was acknowledged and is not stored`);
    }
    for (const [name, times] of this.#books.ledger.created) {
      if (times > 1)
        this.#wrong("doubled", `${times} were told to have created ${name}`, times - 1);
    }
  }

  /** Each fingerprint has come to as many incidents as it should. */
  epochs(): void {
    const { epochsOf } = this.#options;
    if (epochsOf === undefined) return;
    const stored = Map.groupBy(this.#books.database.incidents, ({ fingerprint }) => fingerprint);
    for (const [fingerprint, { length }] of stored) {
      const expected = epochsOf(fingerprint) ?? length;
      const text = `${fingerprint} has ${length} epochs, not ${expected}`;
      if (length > expected) this.#wrong("doubled", text, length - expected);
      if (length < expected) this.#wrong("lost", text, expected - length);
    }
  }

  /** What counts as sent was. */
  delivery(delivery: StoredDelivery): void {
    const { id, state, channel, action } = delivery;
    const name = `${action} ${id} to ${channel}`;
    if (state === "pending" || state === "leased") this.#wrong("undone", name);
    if (state === "dead") this.#wrong("dead", name);
    if (state !== "sent") return;
    if (!this.#isBacked(delivery)) {
      this.#wrong("falselySettled", `${name} counts as sent and is not there`);
    } else if (
      delivery.digest === null &&
      !delivery.attempts.some(({ outcome }) => outcome === "sent")
    ) {
      this.#wrong("falselySettled", `${name} counts as sent without an attempt that was`);
    }
  }

  /** The provider has something to show for a delivery that counts as sent. */
  #isBacked({ id, fingerprint, epoch, channel, action, digest }: StoredDelivery): boolean {
    if (digest !== null)
      return this.#toldOf(digest, channel) !== undefined || this.#isStormOver(channel);
    const incidentId = incidentIdOf(fingerprint, epoch);
    const effects = this.#effects.get(`${incidentId} ${channel}`) ?? [];
    if (!channel.startsWith("pagerduty")) {
      return effects.some(
        ({ deliveryId, state }) =>
          deliveryId === id && (action !== "resolve" || state === "resolved"),
      );
    }
    if (action === "edit") return true; // PagerDuty shows none.
    // The end of what only digests told is one of the storm's alert: by the delivery's id, or of all of it.
    if (effects.length === 0 && action === "resolve" && this.#begunInDigest(incidentId, channel)) {
      return this.#toldOf(id, channel) !== undefined || this.#isStormOver(channel);
    }
    return effects.some((effect) => (effect.action === "resolve") === (action === "resolve"));
  }

  /** The message of a channel that tells of many under this id. */
  #toldOf(id: string, channel: string): Effect | undefined {
    return this.#digests.get(`${id} ${channel}`);
  }

  /** The end of PagerDuty's alert for all digests has no room for the name of one. */
  #isStormOver(channel: string): boolean {
    const all = this.#effects.get(` ${channel}`) ?? [];
    return all.some(({ action }) => action === "resolve");
  }

  /** The digest that told a channel that the incident began. */
  #begunInDigest(incidentId: string, channel: string): Effect | undefined {
    const begun = (this.#deliveries.get(incidentId) ?? []).find(
      (one) => one.action === "open" && one.channel === channel,
    );
    return begun?.digest ? this.#toldOf(begun.digest, channel) : undefined;
  }

  /** Every channel that is owed an incident was told, in order, and what it says last is true. */
  incident(fingerprint: string, epoch: number, state: "open" | "resolved"): void {
    const incidentId = incidentIdOf(fingerprint, epoch);
    const owed = (this.#deliveries.get(incidentId) ?? []).filter(({ action }) => action === "open");
    if (owed.length === 0) this.#wrong("lost", `${incidentId} is announced to nobody`);
    for (const { channel, digest } of owed) {
      if (digest !== null) continue; // Told together with others.
      const effects = this.#effects.get(`${incidentId} ${channel}`) ?? [];
      const name = `${incidentId} on ${channel}`;
      if (!effects.some(({ action }) => action === "post" || action === "trigger")) {
        this.#wrong("lost", `${name} was never told`);
        continue;
      }
      const last = effects.at(-1)?.state;
      if (last !== state) this.#wrong("disagreeing", `${name} is ${state}, told ${last} last`);
    }
  }

  /** No message came twice, or in the wrong order, or about nothing. */
  messages(): void {
    const known = new Set(
      this.#books.database.incidents.map((one) => incidentIdOf(one.fingerprint, one.epoch)),
    );
    for (const [name, effects] of this.#effects) {
      const incidentId = effects[0]?.incidentId ?? "";
      if (incidentId === "") continue; // A digest.
      if (!known.has(incidentId)) this.#wrong("doubled", `${name}: there is no such incident`);
      this.#copies(name, effects);
      const { channel = "" } = effects[0] ?? {};
      const begun = this.#begunInDigest(incidentId, channel);
      const isInOrder = begun !== undefined && begun.atMs <= (effects[0]?.atMs ?? 0);
      this.#order(name, isInOrder ? [{ ...begun, state: "open" }, ...effects] : effects);
    }
  }

  #copies(name: string, effects: readonly Effect[]): void {
    const firsts = effects.filter(({ action }) => action === "post");
    const replies = effects.filter(({ action }) => action === "reply");
    const repliesByDelivery = Map.groupBy(replies, ({ deliveryId }) => deliveryId);
    for (const copies of [firsts, ...repliesByDelivery.values()]) {
      for (const [index, copy] of copies.slice(1).entries()) {
        if (copy.marked) this.#count.marked += 1;
        else if (this.#isOvertaken(copies[index], copy)) this.#count.overtaken += 1;
        else this.#wrong("repeats", this.#storyOf(name, copies[index], copy));
      }
    }
  }

  /** What is needed to understand a repeat: when each happened, in ms after the first attempt. */
  #storyOf(name: string, before: Effect | undefined, copy: Effect): string {
    const attempts = this.#attempts.get(copy.deliveryId) ?? [];
    const sinceMs = (ms: number) => Math.round(ms - (attempts[0]?.startedMs ?? 0));
    const tried = attempts.map(({ outcome, startedMs }) => `${sinceMs(startedMs)} ${outcome}`);
    const times = `${sinceMs(before?.atMs ?? 0)} and ${sinceMs(copy.atMs)}`;
    const text = `${copy.action} ${copy.deliveryId} came at ${times} ms`;
    return `${name}: ${text}; attempts: ${tried.join(", ")}`;
  }

  /** The message before the copy came too late to be found by whoever sent the copy. */
  #isOvertaken(before: Effect | undefined, copy: Effect): boolean {
    const { settleMs = Number.POSITIVE_INFINITY } = this.#options;
    const attempts = this.#attempts.get(copy.deliveryId) ?? [];
    const looked = attempts.findLast(({ startedMs }) => startedMs <= copy.atMs);
    if (before === undefined || looked === undefined || attempts.length < 2) return false;
    return before.atMs > looked.startedMs + settleMs;
  }

  #order(name: string, effects: readonly Effect[]): void {
    let ended = false;
    for (const [index, { action, state }] of effects.entries()) {
      if (index === 0 && action !== "post" && action !== "trigger") {
        this.#wrong("reordered", `${name}: ${action} before the beginning`);
      }
      if (ended && state === "open") this.#wrong("reordered", `${name}: ${action} after the end`);
      ended ||= state === "resolved";
    }
  }
}
