/** Seeded numbers (xoshiro128**) and the distributions that traffic is made of. The same name, the same numbers. */
export class Random {
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;
  #spare = Number.NaN;

  constructor(name: string) {
    let hash = 0x51ed270b;
    const next = () => {
      hash = (hash + 0x6d2b79f5) | 0;
      let mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
      mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
      return (mixed ^ (mixed >>> 15)) | 0;
    };
    for (const byte of Buffer.from(name)) {
      hash = Math.imul(hash ^ byte, 0x01000193) + 0x9e3779b1;
      next();
    }
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1; // Never all zeros.
  }

  /** In (0, 1): neither end is ever reached. */
  uniform(): number {
    const product = Math.imul(this.#b, 5);
    const bits = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return (bits + 0.5) / 4_294_967_296;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** Uniform in the logarithm: as often between 1 and 10 as between 10 and 100. */
  logBetween(low: number, high: number): number {
    return low * (high / low) ** this.uniform();
  }

  chance(share: number): boolean {
    return this.uniform() < share;
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.uniform() * items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }

  /** Standard normal, two at a time (Marsaglia's polar method). */
  normal(): number {
    if (!Number.isNaN(this.#spare)) {
      const spare = this.#spare;
      this.#spare = Number.NaN;
      return spare;
    }
    for (;;) {
      const x = 2 * this.uniform() - 1;
      const y = 2 * this.uniform() - 1;
      const square = x * x + y * y;
      if (square >= 1 || square === 0) continue;
      const scale = Math.sqrt((-2 * Math.log(square)) / square);
      this.#spare = y * scale;
      return x * scale;
    }
  }

  exponential(mean: number): number {
    return -mean * Math.log(this.uniform());
  }

  /** At least `least`; the smaller the shape, the heavier the tail. */
  pareto(shape: number, least: number): number {
    return least * this.uniform() ** (-1 / shape);
  }

  /** Gamma with scale 1, shape ≥ 1 (Marsaglia and Tsang: a cubed normal, rarely refused). */
  gamma(shape: number): number {
    const third = shape - 1 / 3;
    const width = 1 / (3 * Math.sqrt(third));
    for (;;) {
      const normal = this.normal();
      const cube = (1 + width * normal) ** 3;
      if (cube <= 0) continue;
      const bound = normal * normal * 0.5 + third * (1 - cube + Math.log(cube));
      if (Math.log(this.uniform()) < bound) return third * cube;
    }
  }

  /**
   * Exact for every mean. A large one is cut down by waiting times (Ahrens and Dieter): when the m-th event of
   * a unit Poisson process comes before `mean`, m events are sure and the rest begins anew from there; when it
   * comes after, the m − 1 before it lie evenly, and each is kept by the share of time that was asked for.
   */
  poisson(mean: number): number {
    let sure = 0;
    let rest = mean;
    while (rest > 16) {
      const events = Math.floor(rest * 0.875);
      const time = this.gamma(events);
      if (time > rest) return sure + events - 1 - this.#rare(events - 1, 1 - rest / time);
      sure += events;
      rest -= time;
    }
    if (rest <= 0) return sure;
    const limit = Math.exp(-rest);
    let count = 0;
    for (let product = this.uniform(); product > limit; product *= this.uniform()) count += 1;
    return sure + count;
  }

  /** How many of `trials` come true with a small chance: from one to the next by geometric jumps. */
  #rare(trials: number, chance: number): number {
    const log = Math.log1p(-chance);
    let count = 0;
    let at = Math.floor(Math.log(this.uniform()) / log);
    while (at < trials) {
      count += 1;
      at += 1 + Math.floor(Math.log(this.uniform()) / log);
    }
    return count;
  }
}
