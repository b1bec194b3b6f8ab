/** Steps of an hour, a day, a 5-minute block and a minute. */
export const HOUR_STEPS = 360;
export const DAY_STEPS = 8_640;
export const BLOCK_STEPS = 30;
export const MINUTE_STEPS = 6;
const DAY_HOURS = 24;
/** 1970-01-01 was a Thursday. */
const DAYS_TO_MONDAY = 3;
const SATURDAY = 5;

/** Where a step lies in its hour, day and week, in UTC. One object: thousands of series close the same step in a row. */
export class StepTime {
  step = Number.NaN;
  /** 0 on weekdays, 1 on Saturday and Sunday. */
  dayClass = 0;
  minute = 0;
  block = 0;
  hour = 0;
  /** The hours whose middles lie around the step, the two beyond them, and how far it is from the first to the second. */
  hourBefore = 0;
  hourAfter = 0;
  hourFirst = 0;
  hourLast = 0;
  share = 0;

  at(step: number): StepTime {
    if (step !== this.step) this.#move(step);
    return this;
  }

  #move(step: number): void {
    this.step = step;
    const inDay = modulo(step, DAY_STEPS);
    const weekday = modulo(Math.floor(step / DAY_STEPS) + DAYS_TO_MONDAY, 7);
    this.dayClass = weekday >= SATURDAY ? 1 : 0;
    this.minute = Math.floor((inDay % HOUR_STEPS) / MINUTE_STEPS);
    this.block = Math.floor(inDay / BLOCK_STEPS);
    this.hour = Math.floor(inDay / HOUR_STEPS);
    const position = inDay / HOUR_STEPS - 0.5;
    const before = Math.floor(position);
    this.share = position - before;
    this.hourFirst = modulo(before - 1, DAY_HOURS);
    this.hourBefore = modulo(before, DAY_HOURS);
    this.hourAfter = modulo(before + 1, DAY_HOURS);
    this.hourLast = modulo(before + 2, DAY_HOURS);
  }
}

function modulo(value: number, size: number): number {
  return ((value % size) + size) % size;
}
