/** Where `tracer torture` lets a process end in the middle of its work. Each is passed in the code by one call. */
export const CRASH_POINTS = [
  "sight.before",
  "sight.after",
  "clear.after",
  "claim.after",
  "attempt.after",
  "send.begun",
  "send.answered",
  "settle.after",
  "resolve.after",
  "sweep.between",
  "spill.written",
  "spill.replayed",
  "snapshot.written",
] as const;

export type CrashPoint = (typeof CRASH_POINTS)[number];

/**
 * What happens at crash points: nothing, unless `arm` was called. Costs one comparison where it is passed.
 * The one piece of state of the process that no argument carries: it must reach every layer, and be
 * absent from each of their interfaces.
 */
class CrashPoints {
  #armed: CrashPoint | null = null;
  #passesLeft = 0;
  #crash: () => void = () => {};

  /** At the `passes`-th time that `point` is passed, `crash` is called. It should not return. */
  arm(point: CrashPoint, { passes, crash }: { passes: number; crash: () => void }): void {
    this.#armed = point;
    this.#passesLeft = passes;
    this.#crash = crash;
  }

  pass(point: CrashPoint): void {
    if (this.#armed !== point) return;
    this.#passesLeft -= 1;
    if (this.#passesLeft === 0) this.#crash();
  }
}

export const crashPoints: CrashPoints = new CrashPoints();
