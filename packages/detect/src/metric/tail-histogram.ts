const BINS_PER_OCTAVE = 2.5;
const BINS = 160;
/** Bin of a residual as large as the scale: 32 octaves to either side. */
const MIDDLE = BINS / 2;
/** Rows after which a residual counts 1/e. */
const MEMORY_ROWS = 3_000;
/** Weight, in rows, of the heavy tail that is assumed before anything is known, and beyond the largest residual seen. */
const PRIOR_ROWS = 2;
const PRIOR_EXPONENT = 1.5;
/** The weight of a new row grows instead of all old ones decaying; at this size everything is divided by it. */
const WEIGHT_MAX = 1e12;
/** Drift of the scale, in octaves, at which the bins are laid anew around it. */
const DRIFT_OCTAVES = 8;

/**
 * How unusual a residual is among its own past: a decayed histogram of magnitudes on a logarithmic axis, one for each
 * sign. No distribution is assumed but for what was never seen, where a power law continues it.
 */
export class TailHistogram {
  readonly #bins = [new Float64Array(BINS), new Float64Array(BINS)] as const;
  #weight = 1;
  #rows = 0;
  #seen = 0;
  /** Mean magnitude. */
  #scale = 0;
  /** log2 of the magnitude of the middle bin; null before the first residual that is not zero. */
  #middleOctave: number | null = null;

  /** −ln of the share of rows with a residual of this sign at least this large; 0 for 0. In nats, finite. */
  surprise(residual: number): number {
    if (residual === 0 || this.#rows === 0) return 0;
    const magnitude = Math.abs(residual);
    const scale = this.#scale > 0 ? this.#scale : magnitude;
    const prior = 0.5 / (1 + (magnitude / scale) ** PRIOR_EXPONENT);
    const rows = this.#tailRows(residual < 0 ? 1 : 0, magnitude) + PRIOR_ROWS * prior;
    const share = rows / (this.#rows + PRIOR_ROWS);
    return -Math.log(Math.min(1, Math.max(Number.MIN_VALUE, share)));
  }

  learn(residual: number): void {
    this.#weight /= 1 - 1 / MEMORY_ROWS;
    if (this.#weight > WEIGHT_MAX) this.#rescale();
    this.#rows = this.#rows * (1 - 1 / MEMORY_ROWS) + 1;
    this.#seen += 1;
    const magnitude = Math.abs(residual);
    this.#scale += (magnitude - this.#scale) / Math.min(this.#seen, MEMORY_ROWS);
    if (magnitude === 0) return; // Counts among the rows, and is smaller than any residual.
    this.#centre();
    const bins = this.#bins[residual < 0 ? 1 : 0];
    const bin = this.#binOf(magnitude);
    bins[bin] = (bins[bin] ?? 0) + this.#weight;
  }

  /** Mean magnitude of the residuals so far. */
  get scale(): number {
    return this.#scale;
  }

  /**
   * Magnitude that at most `share` of the rows exceed, to the side of that sign; 0 when fewer are on that side at all.
   * `newest` is the residual that was learned last: it is left out.
   */
  magnitudeAt(share: number, sign: 1 | -1, newest: number): number {
    if (this.#middleOctave === null) return 0;
    const side = sign < 0 ? 1 : 0;
    const isHere = newest !== 0 && newest < 0 === sign < 0;
    const own = isHere ? this.#binOf(Math.abs(newest)) : -1;
    const most = share * Math.max(0, this.#rows - 1) * this.#weight;
    let sum = 0;
    for (let bin = BINS - 1; bin >= 0; bin -= 1) {
      sum += (this.#bins[side][bin] ?? 0) - (bin === own ? this.#weight : 0);
      if (sum > most) return 2 ** (this.#middleOctave + (bin + 1 - MIDDLE) / BINS_PER_OCTAVE);
    }
    return 0;
  }

  #tailRows(side: 0 | 1, magnitude: number): number {
    const bins = this.#bins[side];
    let sum = 0; // All of its own bin count as larger: a record by a hair is none.
    for (let bin = this.#binOf(magnitude); bin < BINS; bin += 1) sum += bins[bin] ?? 0;
    return sum / this.#weight;
  }

  #binOf(magnitude: number): number {
    const octaves = Math.log2(magnitude) - (this.#middleOctave ?? 0);
    return Math.min(BINS - 1, Math.max(0, Math.floor(MIDDLE + octaves * BINS_PER_OCTAVE)));
  }

  /** Keeps the scale near the middle, so that no unit of measure is too small or too large for the bins. */
  #centre(): void {
    const octave = Math.log2(this.#scale);
    if (this.#middleOctave === null) this.#middleOctave = Math.round(octave);
    const drift = octave - this.#middleOctave;
    if (!Number.isFinite(octave) || Math.abs(drift) < DRIFT_OCTAVES) return;
    const octaves = 2 * Math.round(drift / 2); // An even number of octaves is a whole number of bins.
    const shift = octaves * BINS_PER_OCTAVE;
    for (const bins of this.#bins) {
      const old = bins.slice();
      bins.fill(0);
      for (let bin = 0; bin < BINS; bin += 1) {
        const to = Math.min(BINS - 1, Math.max(0, bin - shift));
        bins[to] = (bins[to] ?? 0) + (old[bin] ?? 0);
      }
    }
    this.#middleOctave += octaves;
  }

  #rescale(): void {
    for (const bins of this.#bins) {
      for (let bin = 0; bin < BINS; bin += 1) bins[bin] = (bins[bin] ?? 0) / this.#weight;
    }
    this.#weight = 1;
  }
}
