const NAME_BYTES_SHRINK_MIN = 65_536;
const COLUMNS_FIRST = 64;
const INDEX_FIRST = 128;

/** Fields of an entry. A free id has group −1. */
const ENTRY_FIELDS = 4;
const HASH = 0;
const GROUP = 1;
const START = 2;
const LENGTH = 3;

/**
 * Interns (group, bytes) to dense ids, and gives ids and memory back. Names lie in one byte arena, so an
 * id costs about 30 bytes beside its name and no object; a hit hashes and compares bytes and builds
 * nothing. Open addressing with backward-shift deletion: no tombstones, so no slow decay.
 */
export class ByteTable {
  size = 0;
  /** One more than the largest id that was live since the last `trim`. */
  idEnd = 0;
  readonly #seed: number;
  #index = new Int32Array(INDEX_FIRST); // Id + 1, or 0 for free.
  /** By id, side by side so that a look at a name is a look at one place in memory: see the fields below. */
  #entries = new Int32Array(COLUMNS_FIRST * ENTRY_FIELDS);
  #arena = new Uint8Array(1024);
  #arenaUsed = 0;
  #arenaLive = 0;
  readonly #free: number[] = [];

  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  /** The id of the name, or -1. */
  find(group: number, bytes: Uint8Array, start: number, end: number): number {
    const hash = this.#hashOf(group, bytes, start, end);
    const mask = this.#index.length - 1;
    let probe = hash & mask;
    for (;;) {
      const id = (this.#index[probe] ?? 0) - 1;
      if (id < 0) return -1;
      if (
        this.#entries[id * ENTRY_FIELDS + HASH] === hash &&
        this.#matches(id, group, bytes, start, end)
      )
        return id;
      probe = (probe + 1) & mask;
    }
  }

  /** Adds a name that `find` did not find. `group` is at least 0. */
  add(group: number, bytes: Uint8Array, start: number, end: number): number {
    const id = this.#free.pop() ?? this.idEnd;
    if (id === this.idEnd) this.idEnd += 1;
    this.#put(id, group, bytes, start, end);
    return id;
  }

  /** As `add`, with an id of the caller's choice, at least `idEnd`; those below it become free. */
  addAt(id: number, group: number, bytes: Uint8Array): void {
    for (let free = this.idEnd; free < id; free += 1) {
      while (free >= this.#capacity) this.#grow();
      this.#entries[free * ENTRY_FIELDS + GROUP] = -1;
      this.#free.push(free);
    }
    this.idEnd = id + 1;
    this.#put(id, group, bytes, 0, bytes.length);
  }

  /** Gives the id and its memory back; false when it was not live. */
  release(id: number): boolean {
    if (this.groupOf(id) < 0) return false;
    this.#unplace(id);
    this.#entries[id * ENTRY_FIELDS + GROUP] = -1;
    this.#arenaLive -= this.#lengthOf(id);
    this.size -= 1;
    this.#free.push(id);
    if (this.#arenaUsed > NAME_BYTES_SHRINK_MIN && this.#arenaLive * 4 < this.#arenaUsed) {
      this.#moveArena(this.#arenaLive * 2);
    }
    return true;
  }

  /** After releases: gives memory back when three quarters of it are behind the last live id. */
  trim(): void {
    let idEnd = this.idEnd;
    while (idEnd > 0 && this.groupOf(idEnd - 1) < 0) idEnd -= 1;
    const held = this.#capacity;
    if (held <= COLUMNS_FIRST || idEnd * 4 > held) return;
    this.idEnd = idEnd;
    let capacity = COLUMNS_FIRST;
    while (capacity < idEnd * 2) capacity *= 2;
    this.#entries = this.#entries.slice(0, capacity * ENTRY_FIELDS);
    // The lowest first, so that what comes next lies close together and the end stays free.
    const free = this.#free.filter((id) => id < idEnd).sort((left, right) => right - left);
    this.#free.length = 0;
    for (const id of free) this.#free.push(id);
    let buckets = INDEX_FIRST;
    while (buckets < this.size * 4) buckets *= 2;
    this.#reindex(buckets);
    this.#moveArena(this.#arenaLive * 2);
  }

  /** The group of a live id, else -1. */
  groupOf(id: number): number {
    return id >= 0 && id < this.idEnd ? (this.#entries[id * ENTRY_FIELDS + GROUP] ?? -1) : -1;
  }

  /** The name of a live id. A view: copy it before the table changes. */
  bytesOf(id: number): Uint8Array {
    const start = this.#startOf(id);
    return this.#arena.subarray(start, start + this.#lengthOf(id));
  }

  get #capacity(): number {
    return this.#entries.length / ENTRY_FIELDS;
  }

  #startOf(id: number): number {
    return (this.#entries[id * ENTRY_FIELDS + START] ?? 0) >>> 0;
  }

  #lengthOf(id: number): number {
    return this.#entries[id * ENTRY_FIELDS + LENGTH] ?? 0;
  }

  #put(id: number, group: number, bytes: Uint8Array, start: number, end: number): void {
    if (id >= this.#capacity) this.#grow();
    if ((this.size + 1) * 2 > this.#index.length) this.#reindex(this.#index.length * 2);
    const length = end - start;
    this.#reserve(length);
    this.#arena.set(bytes.subarray(start, end), this.#arenaUsed);
    const entry = id * ENTRY_FIELDS;
    this.#entries[entry + HASH] = this.#hashOf(group, bytes, start, end);
    this.#entries[entry + GROUP] = group;
    this.#entries[entry + START] = this.#arenaUsed;
    this.#entries[entry + LENGTH] = length;
    this.#arenaUsed += length;
    this.#arenaLive += length;
    this.size += 1;
    this.#place(id);
  }

  #matches(id: number, group: number, bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    const entry = id * ENTRY_FIELDS;
    const entries = this.#entries;
    if (entries[entry + GROUP] !== group || entries[entry + LENGTH] !== length) return false;
    const arena = this.#arena;
    const nameStart = (entries[entry + START] ?? 0) >>> 0;
    for (let at = 0; at < length; at += 1) {
      if (arena[nameStart + at] !== bytes[start + at]) return false;
    }
    return true;
  }

  #hashOf(group: number, bytes: Uint8Array, start: number, end: number): number {
    let hash = this.#seed ^ Math.imul(group + 1, 0x9e3779b1);
    for (let at = start; at < end; at += 1) {
      hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
    }
    hash ^= hash >>> 15;
    hash = Math.imul(hash, 0x2c1b3c6d);
    return hash ^ (hash >>> 13);
  }

  #place(id: number): void {
    const mask = this.#index.length - 1;
    let probe = (this.#entries[id * ENTRY_FIELDS + HASH] ?? 0) & mask;
    while (this.#index[probe] !== 0) probe = (probe + 1) & mask;
    this.#index[probe] = id + 1;
  }

  #unplace(id: number): void {
    const index = this.#index;
    const mask = index.length - 1;
    let hole = (this.#entries[id * ENTRY_FIELDS + HASH] ?? 0) & mask;
    while (index[hole] !== id + 1) hole = (hole + 1) & mask;
    // What was pushed past the hole by a collision moves back into it, so that a probe never stops early.
    let probe = (hole + 1) & mask;
    while (index[probe] !== 0) {
      const other = (index[probe] ?? 0) - 1;
      const home = (this.#entries[other * ENTRY_FIELDS + HASH] ?? 0) & mask;
      if (((probe - home) & mask) >= ((probe - hole) & mask)) {
        index[hole] = index[probe] ?? 0;
        hole = probe;
      }
      probe = (probe + 1) & mask;
    }
    index[hole] = 0;
  }

  #reindex(capacity: number): void {
    const old = this.#index;
    this.#index = new Int32Array(capacity);
    for (const entry of old) if (entry !== 0) this.#place(entry - 1);
  }

  #grow(): void {
    const larger = new Int32Array(this.#entries.length * 2);
    larger.set(this.#entries);
    this.#entries = larger;
  }

  #reserve(length: number): void {
    if (this.#arenaUsed + length <= this.#arena.length) return;
    this.#moveArena((this.#arenaLive + length) * 2);
  }

  /** Copies the live names, close together, into a new arena. */
  #moveArena(capacity: number): void {
    const from = this.#arena;
    this.#arena = new Uint8Array(Math.max(capacity, 1024));
    this.#arenaUsed = 0;
    for (let id = 0; id < this.idEnd; id += 1) {
      if (this.groupOf(id) < 0) continue;
      const start = this.#startOf(id);
      const length = this.#lengthOf(id);
      this.#arena.set(from.subarray(start, start + length), this.#arenaUsed);
      this.#entries[id * ENTRY_FIELDS + START] = this.#arenaUsed;
      this.#arenaUsed += length;
    }
  }
}
