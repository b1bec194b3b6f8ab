/** What must be exceeded on top of the last record, in nats: a rising event is one event. */
const MARGIN_NATS = 0.8;
/** Rows after which the bar has fallen to 1/e. */
const MEMORY_ROWS = 150;

/** One event, one alert: only surprise above a bar passes, and the bar jumps above all surprise and then decays. */
export class AlertBar {
  #bar = 0;

  /** The surprise itself when it passes, else 0. In nats. */
  pass(surprise: number): number {
    const passed = surprise > this.#bar ? surprise : 0;
    this.#bar = Math.max(this.#bar * (1 - 1 / MEMORY_ROWS), surprise + MARGIN_NATS);
    return passed;
  }
}
