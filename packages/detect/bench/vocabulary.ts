import { LevelIndex } from "@tracer/core";
import type { Random } from "./random.ts";

/*
 * What services write: sentences with a fixed skeleton and parts that change from line to line. A kind of
 * message is a skeleton; a service has some of each level, a few of them often and most of them rarely.
 */

const SUBJECTS = [
  "order",
  "payment",
  "basket",
  "invoice",
  "user session",
  "search index",
  "mail job",
  "stock level",
  "price list",
  "thumbnail",
  "webhook call",
  "ledger entry",
  "feature flag",
  "coupon",
  "report",
  "cache region",
];
const DONE = [
  "stored",
  "loaded",
  "accepted",
  "forwarded",
  "expired",
  "refreshed",
  "merged",
  "dispatched",
  "recalculated",
  "archived",
  "published",
  "reserved",
];
const TROUBLE = [
  "rejected by upstream",
  "timed out",
  "lost its lock",
  "failed validation",
  "hit the rate limit",
  "was refused by the database",
  "could not be parsed",
  "exceeded its quota",
  "returned an empty body",
  "ran out of connections",
];
const MANNERS = [
  "after {duration}",
  "for user {number}",
  "from {ip}",
  "with trace {hex}",
  'named "{word}"',
  "at {path}",
  "on attempt {small} of 5",
  "(request {uuid})",
  "size={number} status={status}",
  "to queue {word}-{small}",
  "",
];
const FRAMES = [
  "{what}",
  "[worker-{small}] {what}",
  "{path}: {what}",
  "event={word} {what}",
  "{what}; next in {duration}",
];
const WORDS = ["alpha", "berlin", "copper", "delta", "ember", "falcon", "granite", "harbor"];

/** A sentence with {parts} in it. */
type Skeleton = string;

export interface KindsOfLevel {
  readonly skeletons: readonly Skeleton[];
  /** Cumulative shares, the last one 1. */
  readonly until: Float64Array;
}

/** What a service says, by level. */
export class Vocabulary {
  readonly #random: Random;
  readonly #kinds: ReadonlyMap<number, KindsOfLevel>;
  readonly #known = new Set<Skeleton>();

  constructor(random: Random) {
    this.#random = random;
    this.#kinds = new Map([
      [LevelIndex.info, this.#draw(LevelIndex.info, 8, 40, random.between(1, 1.5))],
      [LevelIndex.warn, this.#draw(LevelIndex.warn, 3, 8, 1.3)],
      [LevelIndex.error, this.#draw(LevelIndex.error, 3, 9, random.between(1.4, 1.8))],
    ]);
  }

  /** A line of one of its kinds. */
  line(level: number): string {
    const kinds = this.#kinds.get(level);
    if (kinds === undefined) throw new Error(`nothing is said at level ${level}`);
    const at = this.#random.uniform();
    let index = 0;
    while ((kinds.until[index] ?? 1) < at) index += 1;
    return fill(this.#random, kinds.skeletons[index] ?? "");
  }

  /** A kind that it never used. */
  newKind(level: number): Skeleton {
    for (;;) {
      const skeleton = skeletonOf(this.#random, level);
      if (this.#known.has(skeleton)) continue;
      this.#known.add(skeleton);
      return skeleton;
    }
  }

  fill(skeleton: Skeleton): string {
    return fill(this.#random, skeleton);
  }

  #draw(level: number, fewest: number, most: number, steepness: number): KindsOfLevel {
    const size = Math.floor(this.#random.between(fewest, most + 1));
    const skeletons = Array.from({ length: size }, () => this.newKind(level));
    const weights = skeletons.map((_, index) => (index + 1) ** -steepness);
    const total = weights.reduce((sum, each) => sum + each, 0);
    let sum = 0;
    const until = Float64Array.from(weights, (weight) => {
      sum += weight / total;
      return sum;
    });
    return { skeletons, until };
  }
}

function skeletonOf(random: Random, level: number): Skeleton {
  const subject = `${random.pick(SUBJECTS)} ${random.chance(0.6) ? "{number}" : "{hex}"}`;
  const verb = random.pick(level === LevelIndex.info ? DONE : TROUBLE);
  const what = `${subject} ${verb} ${random.pick(MANNERS)}`.trimEnd();
  return random.pick(FRAMES).replace("{what}", what);
}

function fill(random: Random, skeleton: Skeleton): string {
  return skeleton.replace(/\{(\w+)\}/g, (_, part) => partOf(random, part));
}

function whole(random: Random, below: number): number {
  return Math.floor(random.uniform() * below);
}

function hex(random: Random, digits: number): string {
  return Array.from({ length: digits }, () => whole(random, 16).toString(16)).join("");
}

function partOf(random: Random, part: string): string {
  switch (part) {
    case "number":
      return String(10 ** whole(random, 6) + whole(random, 1_000_000));
    case "small":
      return String(1 + whole(random, 5));
    case "status":
      return String(random.pick([200, 204, 301, 404, 500, 503]));
    case "duration":
      return random.chance(0.5)
        ? `${whole(random, 900)}ms`
        : `${random.between(0, 9).toFixed(2)} s`;
    case "ip":
      return `10.${whole(random, 256)}.${whole(random, 256)}.${whole(random, 256)}`;
    case "hex":
      return `${hex(random, 7)}f${hex(random, 8)}`;
    case "uuid":
      return `${hex(random, 8)}-${hex(random, 4)}-4${hex(random, 3)}-a${hex(random, 3)}-${hex(random, 12)}`;
    case "path":
      return `/srv/${random.pick(WORDS)}/${whole(random, 10_000)}/data.json`;
    case "word":
      return random.pick(WORDS);
    default:
      throw new Error(`no such part: ${part}`);
  }
}
