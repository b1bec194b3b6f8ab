import type { DeliveryTask, DigestTask, Incident, Verdict } from "@tracer/core";

/**
 * Something about Tracer itself, told directly because the outbox cannot be used. Text of ours: nothing of
 * a log is in it.
 */
export interface Notice {
  /** Constant for one matter, whoever tells of it: what is told twice under it is told once where that can be. */
  readonly key: string;
  readonly state: "begun" | "over";
  /**
   * When the matter began, ISO 8601. A channel that can be read looks whether this state of it was told there
   * since, by whomever, and does not tell it again. Without it nothing is looked for.
   */
  readonly since?: string;
  /** One line. */
  readonly title: string;
  /** A few sentences. */
  readonly text: string;
  /** Of the verdict on `begun`, for `over`; null: it brought none. */
  readonly receipt: Readonly<Record<string, string>> | null;
}

/** A configured destination. `send` never throws and never retries by itself: the outbox does. */
export interface Channel {
  /** Unique among the configured channels; stored with every delivery. */
  readonly name: string;
  /** Which notifier speaks, such as `slack`. */
  readonly kind: string;
  /**
   * One attempt. Every end, also a defect, is a verdict. An abort of `signal` before anything went out is
   * `retry`, later `ambiguous`. Each request has a deadline of 10 seconds, the whole of it one of 15.
   */
  send(task: DeliveryTask, signal: AbortSignal): Promise<Verdict>;
  /** One attempt to tell of many changes by one message, under the same rules. Its receipt holds `digest`. */
  sendDigest(task: DigestTask, signal: AbortSignal): Promise<Verdict>;
  /** True: what has a message of its own must be ended there, so a digest may not tell of it. */
  readonly ownAlone: boolean;
  /** True: incidents that belong together share one message there, which is edited. Default false. */
  readonly groups?: boolean;
  /** True: all its digests are one alert, so what is sent of it last must be true. Default false. */
  readonly hasStormAlert?: boolean;
  /**
   * One attempt to tell of Tracer itself, with the same bounds. `over` is for whoever was told `begun`. A
   * channel that cannot recognise a repeat shows it again.
   */
  sendNotice(notice: Notice, signal: AbortSignal): Promise<Verdict>;
  /** Looks, without sending anything, whether a message would arrive. Never throws; at most 15 seconds. */
  check?(signal: AbortSignal): Promise<readonly Finding[]>;
  /** What a person has to do about a verdict's reason; null: nothing is known to help. */
  fixOf?(reason: string): string | null;
  /** Where what was sent can be looked at; null: that is not known. Never throws. */
  linkTo?(receipt: Receipt, signal: AbortSignal): Promise<string | null>;
  /**
   * Says again what is open. A channel that has it forgets what it was told: call it each minute, with all
   * that is open and was told there.
   */
  refresh?(incidents: readonly OpenIncident[], signal: AbortSignal): Promise<Verdict>;
  /** Releases what the channel holds. Sends after it are not allowed. */
  close?(): Promise<void>;
}

export type Receipt = Readonly<Record<string, string>>;

export interface OpenIncident {
  readonly incident: Incident;
  readonly link: string;
}

/** One thing that a look at a channel found. Flat text, and no secret in it. */
export interface Finding {
  /** What was looked at, such as `token`. */
  readonly what: string;
  /** `unknown`: it could not be looked at, and only a message can tell. */
  readonly state: "ok" | "unknown" | "failed";
  readonly detail: string;
  /** What to do about it; null when nothing, or nothing is known to help. */
  readonly fix: string | null;
}

/** A look that failed: a provider that is busy, or broke off, may be well a moment later. */
export function findingOf(
  what: string,
  verdict: Exclude<Verdict, { kind: "sent" }>,
  fixOf: (reason: string) => string | null,
): Finding {
  const { kind, reason } = verdict;
  const isBusy = kind === "retry" && (verdict.afterMs !== null || /429|rate|50[234]/u.test(reason));
  const state = kind === "ambiguous" || isBusy ? "unknown" : "failed";
  return { what, state, detail: reason, fix: fixOf(reason) };
}

/** Makes every end of a look a list of findings. */
export function checked(
  look: (signal: AbortSignal) => Promise<readonly Finding[]>,
  { sendMs }: Timings,
): (signal: AbortSignal) => Promise<readonly Finding[]> {
  return async (signal) => {
    try {
      return await look(within(sendMs, signal));
    } catch (error) {
      const name = error instanceof Error ? error.name : "unknown";
      return [{ what: "look", state: "unknown", detail: `defect: ${name}`, fix: null }];
    }
  };
}

/** How long things may take. Tests shorten them; the product does not. */
export interface Timings {
  /** Deadline of one request to a provider, in milliseconds. Default 10,000. */
  readonly requestMs: number;
  /** Deadline of one look at a channel's history, all pages of it, in milliseconds. Default 4,000. */
  readonly lookupMs: number;
  /**
   * Deadline of a whole `send`, in milliseconds. Default 15,000: half a lease, so that a send begun in its
   * first half ends before another processor may take the delivery over.
   */
  readonly sendMs: number;
  /** How long a message that may have been posted is given to appear in the history. Default 2,000 ms. */
  readonly settleMs: number;
}

export const DEFAULT_TIMINGS: Timings = {
  requestMs: 10_000,
  lookupMs: 4_000,
  sendMs: 15_000,
  settleMs: 2_000,
};

/** The signal, or the deadline, whichever comes first. */
export function within(ms: number, signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(ms)]);
}

/**
 * Makes every end of a send a verdict. What is thrown is a defect of ours and would be one again: a dead
 * letter that is shown helps more than a day of retries.
 */
export function guarded<Task>(
  send: (task: Task, signal: AbortSignal) => Promise<Verdict>,
  { sendMs }: Timings,
): (task: Task, signal: AbortSignal) => Promise<Verdict> {
  return async (task, signal) => {
    try {
      return await send(task, within(sendMs, signal));
    } catch (error) {
      const name = error instanceof Error ? error.name : "unknown";
      return { kind: "permanent", reason: `defect: ${name}` };
    }
  };
}

export const SENT_NOTHING: Verdict = { kind: "sent", receipt: null };

/** Waits; returns early, without an error, when the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
