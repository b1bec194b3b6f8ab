import type { SeriesKey } from "@tracer/core";
import { ByteTable } from "./byte-table.ts";
import { cleanName, NAME_BYTES_MAX } from "./names.ts";
import { textOf } from "./text.ts";

/** Name under which what found no room is counted. */
export const OTHER_NAME = "(other)";

const PROJECTS_MAX = 10_000;

export interface SeriesDirectoryOptions {
  /** Series held at once. Beyond it, new ones are counted under service `(other)` of their project. Default 100,000. */
  readonly seriesMax?: number;
  /** Projects held at once, at least 1, `(other)` among them: that is where further ones are counted. Default 10,000. */
  readonly projectsMax?: number;
  /** Seed of the hash. Give a random one where senders are not trusted, so that they cannot choose collisions. */
  readonly seed?: number;
}

/**
 * Interns (project, environment, service) to dense integer slots. A slot stays with its series until
 * `release`, then is reused. Finding a known series from bytes builds no string; a name is cleaned
 * (`cleanName`) only when its bytes are not found as they are, which is why clean names cost nothing.
 * Besides `seriesMax` series there is at most one `(other)` per project, with environment "", so slots are
 * below `slotsMax`.
 */
export class SeriesDirectory {
  readonly seriesMax: number;
  readonly projectsMax: number;
  /** Records sent to `(other)` because there was no room for their series. */
  overflowed = 0;
  /** Changes when a slot may mean another series than before. */
  generation = 0;
  readonly #projects: string[] = [];
  readonly #projectIds = new Map<string, number>();
  /** Slot of a project's `(other)`, by project id; not counted against `seriesMax`. */
  readonly #others: number[] = [];
  #otherCount = 0;
  readonly #scopes: ByteTable; // Group: project id. Name: environment.
  readonly #series: ByteTable; // Group: scope id. Name: service.
  #scopeSizes = new Uint32Array(64);

  constructor({
    seriesMax = 100_000,
    projectsMax = PROJECTS_MAX,
    seed = 0,
  }: SeriesDirectoryOptions = {}) {
    this.seriesMax = seriesMax;
    this.projectsMax = projectsMax;
    this.#scopes = new ByteTable(seed);
    this.#series = new ByteTable(seed ^ 0x5bd1e995);
  }

  /** What every slot is below, however many are given out. */
  get slotsMax(): number {
    return this.seriesMax + this.projectsMax;
  }

  /** Series held now, each project's `(other)` included. */
  get size(): number {
    return this.#series.size;
  }

  /** One more than the largest slot given out since the last `trim`: slots are 0 … slotEnd − 1, some of them free. */
  get slotEnd(): number {
    return this.#series.idEnd;
  }

  /** The id of a project, for `internBytes`. Ids are never reused; projects come from keys, which are few. */
  project(name: string): number {
    const known = this.#projectIds.get(name);
    if (known !== undefined) return known;
    const reserved = this.#projectIds.has(OTHER_NAME) ? 0 : 1;
    const room = this.#projects.length + reserved < this.projectsMax;
    const id = room || name === OTHER_NAME ? this.#projects.length : this.project(OTHER_NAME);
    if (id < this.#projects.length) return id; // The shared one: not remembered by name, so bounded.
    this.#projects.push(name);
    this.#others.push(-1);
    this.#projectIds.set(name, id);
    return id;
  }

  /**
   * The slot of a series whose names are in bytes (UTF-8, escapes resolved); made when it is new. An
   * empty service is interned as it is: the caller knows its default. Never refuses: see `overflowed`.
   */
  internBytes(
    projectId: number,
    environmentBytes: Uint8Array,
    environmentStart: number,
    environmentEnd: number,
    serviceBytes: Uint8Array,
    serviceStart: number,
    serviceEnd: number,
  ): number {
    const scope = this.#scopes.find(projectId, environmentBytes, environmentStart, environmentEnd);
    if (scope >= 0 && serviceEnd - serviceStart <= NAME_BYTES_MAX) {
      const slot = this.#series.find(scope, serviceBytes, serviceStart, serviceEnd);
      if (slot >= 0) return slot;
    }
    const environment = cleanName(textOf(environmentBytes, environmentStart, environmentEnd));
    return this.#internClean(
      projectId,
      environment,
      cleanName(textOf(serviceBytes, serviceStart, serviceEnd)),
    );
  }

  /** The slot of a series; made when it is new. Names are cleaned. */
  intern(key: SeriesKey): number {
    return this.#internClean(
      this.project(key.project),
      cleanName(key.environment),
      cleanName(key.service),
    );
  }

  /** The slot of a series that is held, or -1. */
  find(key: SeriesKey): number {
    const projectId = this.#projectIds.get(key.project);
    if (projectId === undefined) return -1;
    const environment = Buffer.from(cleanName(key.environment));
    const scope = this.#scopes.find(projectId, environment, 0, environment.length);
    if (scope < 0) return -1;
    const service = Buffer.from(cleanName(key.service));
    return this.#series.find(scope, service, 0, service.length);
  }

  /** True when the slot is a series'. */
  has(slot: number): boolean {
    return this.#series.groupOf(slot) >= 0;
  }

  /** The names of a slot; undefined when it is free. */
  key(slot: number): SeriesKey | undefined {
    const scope = this.#series.groupOf(slot);
    if (scope < 0) return undefined;
    const environment = this.#scopes.bytesOf(scope);
    const service = this.#series.bytesOf(slot);
    return {
      project: this.#projects[this.#scopes.groupOf(scope)] ?? "",
      environment: textOf(environment, 0, environment.length),
      service: textOf(service, 0, service.length),
    };
  }

  /** True when the slot stands for the services of a project that found no room. */
  isOther(slot: number): boolean {
    const scope = this.#series.groupOf(slot);
    return scope >= 0 && this.#others[this.#scopes.groupOf(scope)] === slot;
  }

  /**
   * Gives a series the slot that it had when it was saved. Slots come in ascending order, into a directory
   * that had none. False, and nothing changes: no room, a name that no series can have, or one twice.
   */
  restore(slot: number, key: SeriesKey, other: boolean): boolean {
    const { environment, service } = key;
    if (!Number.isSafeInteger(slot) || slot < this.slotEnd || slot >= this.slotsMax) return false;
    if (environment !== cleanName(environment) || service !== cleanName(service)) return false;
    if (!other && this.#series.size - this.#otherCount >= this.seriesMax) return false;
    const projectId = this.project(key.project);
    if (this.#projects[projectId] !== key.project || this.find(key) >= 0) return false;
    if (other && (service !== OTHER_NAME || environment !== "")) return false;
    const environmentBytes = Buffer.from(environment);
    const scope = this.#scopes.find(projectId, environmentBytes, 0, environmentBytes.length);
    this.#series.addAt(slot, this.#join(projectId, scope, environmentBytes), Buffer.from(service));
    if (other) {
      this.#others[projectId] = slot;
      this.#otherCount += 1;
    }
    return true;
  }

  /** Forgets a series: its memory returns and its slot will be given to another. No effect on a free slot. */
  release(slot: number): void {
    const scope = this.#series.groupOf(slot);
    if (scope < 0) return;
    this.generation = (this.generation + 1) | 0;
    const projectId = this.#scopes.groupOf(scope);
    if (this.#others[projectId] === slot) {
      this.#others[projectId] = -1;
      this.#otherCount -= 1;
    }
    this.#series.release(slot);
    const left = (this.#scopeSizes[scope] ?? 1) - 1;
    this.#scopeSizes[scope] = left;
    if (left === 0) this.#scopes.release(scope);
  }

  /** After releases: gives back the memory that no series needs any more. Slots keep their numbers. */
  trim(): void {
    this.#series.trim();
    this.#scopes.trim();
  }

  #internClean(projectId: number, environment: string, service: string): number {
    const environmentBytes = Buffer.from(environment);
    const serviceBytes = Buffer.from(service);
    const scope = this.#scopes.find(projectId, environmentBytes, 0, environmentBytes.length);
    const slot = scope < 0 ? -1 : this.#series.find(scope, serviceBytes, 0, serviceBytes.length);
    if (slot >= 0) return slot;
    if (this.#series.size - this.#otherCount < this.seriesMax) {
      return this.#add(projectId, scope, environmentBytes, serviceBytes);
    }
    this.overflowed += 1;
    return this.#otherOf(projectId);
  }

  #add(
    projectId: number,
    knownScope: number,
    environment: Uint8Array,
    service: Uint8Array,
  ): number {
    const scope = this.#join(projectId, knownScope, environment);
    return this.#series.add(scope, service, 0, service.length);
  }

  /** The scope of one more series; made when `knownScope` is -1. */
  #join(projectId: number, knownScope: number, environment: Uint8Array): number {
    let scope = knownScope;
    if (scope < 0) {
      scope = this.#scopes.add(projectId, environment, 0, environment.length);
      if (scope >= this.#scopeSizes.length) {
        const larger = new Uint32Array(this.#scopeSizes.length * 2);
        larger.set(this.#scopeSizes);
        this.#scopeSizes = larger;
      }
      this.#scopeSizes[scope] = 0;
    }
    this.#scopeSizes[scope] = (this.#scopeSizes[scope] ?? 0) + 1;
    return scope;
  }

  #otherOf(projectId: number): number {
    const known = this.#others[projectId] ?? -1;
    if (known >= 0) return known;
    const none = new Uint8Array(0);
    const name = Buffer.from(OTHER_NAME);
    const scope = this.#scopes.find(projectId, none, 0, 0);
    const taken = scope < 0 ? -1 : this.#series.find(scope, name, 0, name.length);
    const slot = taken >= 0 ? taken : this.#add(projectId, scope, none, name);
    this.#others[projectId] = slot;
    this.#otherCount += 1;
    return slot;
  }
}
