/**
 * Time inside one process. `monotonicMs` never goes back and says nothing about the date; differences of
 * it are ages. `wallMs` is the machine's idea of the date and may be wrong: it is for people and for logs.
 */
export interface Clock {
  readonly monotonicMs: () => number;
  readonly wallMs: () => number;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
};
