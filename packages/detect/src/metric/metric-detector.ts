import { AlertBar } from "./alert-bar.ts";
import {
  explanationOf,
  type MetricBand,
  type MetricExplanation,
  steadyBandOf,
} from "./metric-explanation.ts";
import { Compared, RESIDUALS, Residuals } from "./residuals.ts";
import { TailHistogram } from "./tail-histogram.ts";

/** Larger values count as this: no difference or mean of them overflows. */
const VALUE_MAX = 1e300;
/** Rows that are learned only: what is usual is not known yet, and nothing can be unusual. */
const LEARNING_ROWS = 50;
/** Surprise, in nats, that gives a score of one half. */
const HALF_SCORE_NATS = 10;
/** A mean around the time of day moves slowly: its records come in runs, and each of them is worth a little less. */
const DAY_LEVEL_WORTH = 0.95;

/** Surprise, in nats, behind a score in [0, 1). */
export function surpriseOf(score: number): number {
  return (HALF_SCORE_NATS * score) / (1 - score);
}

/**
 * Anomaly scores for one series of plain numbers. Pure: time is what the rows say. A row is compared with its past in eight
 * ways, each difference is ranked among its own past, and the most surprising one counts; after an alert the
 * bar is raised and decays. O(1) a row, about 35 KB.
 */
export class MetricDetector {
  readonly #residuals = new Residuals();
  readonly #histograms = Array.from({ length: RESIDUALS }, () => new TailHistogram());
  readonly #bar = new AlertBar();
  #rows = 0;
  #newestMs = 0;
  #isPositive = true;
  #surprise = 0;
  #mostSurprising = 0;

  /**
   * The score of one row in [0, 1], 0 when it is nothing new; rows must come in order of time. A value that is not finite is
   * missing: it scores 0 and nothing is learned. A timestamp that is not finite counts as that of the row before.
   */
  score(timestampMs: number, value: number): number {
    if (!Number.isFinite(value)) return 0;
    if (Number.isFinite(timestampMs)) this.#newestMs = timestampMs;
    this.#residuals.update(this.#newestMs, Math.min(VALUE_MAX, Math.max(-VALUE_MAX, value)));
    if (value < 0) this.#isPositive = false;
    this.#surprise = 0;
    for (const [index, histogram] of this.#histograms.entries()) {
      const residual = this.#residuals.values[index] ?? 0;
      const worth = index === Compared.dayLevel ? DAY_LEVEL_WORTH : 1;
      const surprise = worth * histogram.surprise(residual);
      if (surprise > this.#surprise) {
        this.#surprise = surprise;
        this.#mostSurprising = index;
      }
      histogram.learn(residual); // After it was judged: a spike must not excuse itself.
    }
    this.#rows += 1;
    const passed = this.#rows > LEARNING_ROWS ? this.#bar.pass(this.#surprise) : 0;
    return passed / (passed + HALF_SCORE_NATS);
  }

  /** What the last row with a value was compared with. Null while it was learned only. */
  explain(): MetricExplanation | null {
    if (this.#rows <= LEARNING_ROWS) return null;
    const index = this.#mostSurprising;
    return explanationOf({ ...this.#row(), index, surpriseNats: this.#surprise });
  }

  /** What was expected of the last row with a value, whatever it was compared with. Null while it was learned only. */
  band(): MetricBand | null {
    return this.#rows <= LEARNING_ROWS ? null : steadyBandOf(this.#row());
  }

  #row() {
    return {
      residuals: this.#residuals,
      histograms: this.#histograms,
      rows: this.#rows - 1,
      isPositive: this.#isPositive,
    };
  }
}
