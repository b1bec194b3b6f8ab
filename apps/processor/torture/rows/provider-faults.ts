import type { Fault, RecordedRequest } from "@tracer/testkit";
import { pick } from "../random.ts";
import type { RowContext } from "../row.ts";
import type { Sink } from "../sink.ts";

/** What a provider does to one request; shared by the two, where they do not differ. */
type Harm = Omit<Fault, "route" | "match" | "times">;

export interface HarmTimes {
  /** Answers after this are still in time. */
  readonly slowMs: number;
  /** Answers after this are not. */
  readonly lateMs: number;
  readonly retryAfterSeconds: number;
}

export type HarmName =
  | "429"
  | "cut"
  | "time-out"
  | "500"
  | "slow"
  | "HTML"
  | "ok:false"
  | "empty"
  | "5 MB";

export const HARMS: readonly HarmName[] = [
  ...(["429", "cut", "time-out", "500", "slow"] as const),
  ...(["HTML", "ok:false", "empty", "5 MB"] as const),
];

const LARGE = "x".repeat(5 * 1024 * 1024);
/** Slack says of these that nobody knows, or that it is to be tried again. PagerDuty says nothing of the kind. */
const REFUSALS = ["internal_error", "fatal_error", "service_unavailable", "ratelimited"];

export function harmOf(name: HarmName, times: HarmTimes, random: () => number): Harm {
  // What answers with nonsense may have taken the message, or not.
  const when = random() < 0.5 ? "before" : "after";
  switch (name) {
    case "429":
      return {
        when: "before",
        status: 429,
        headers: { "retry-after": String(times.retryAfterSeconds) },
      };
    case "cut":
      return { when: "after", drop: true };
    case "time-out":
      return { when: "after", delayMs: times.lateMs };
    case "500":
      return { when: "after", status: 500 };
    case "slow":
      return { when: "after", delayMs: times.slowMs };
    case "HTML":
      return { when, status: 200, body: "<!doctype html><title>Sign in</title>" };
    case "ok:false": {
      const error = pick(REFUSALS, random);
      const body = { ok: false, error, status: "unavailable", message: error };
      return { when: error === "ratelimited" ? "before" : when, status: 200, body };
    }
    case "empty":
      return { when, status: 200, body: "" };
    case "5 MB":
      return { when, status: 200, body: LARGE };
    default:
      return name satisfies never;
  }
}

/** The fingerprint of the incident that a request is about; "" when it names none. */
export function fingerprintIn({ text }: Pick<RecordedRequest, "text">): string {
  return /(?:inc_|tracer:)([0-9a-f]{32})/.exec(text)?.[1] ?? "";
}

/** The two providers of a sink as something that can be harmed, delivery by delivery. */
export class Providers {
  /** Deliveries that were harmed. */
  harmed = 0;
  /** That came again before they were allowed to. */
  early = 0;
  readonly #sink: Sink;
  readonly #notBeforeMs = new Map<string, number>(); // By fingerprint and provider.
  #down = false;

  constructor({ sink }: Pick<RowContext, "sink">) {
    this.#sink = sink;
    for (const [receiver, routes] of [
      [sink.slack, ["chat.postMessage", "chat.update"]],
      [sink.pagerduty, ["enqueue"]],
    ] as const) {
      for (const route of routes) {
        const look = (request: RecordedRequest) => {
          const notBeforeMs = this.#notBeforeMs.get(`${fingerprintIn(request)} ${receiver.url}`);
          if (notBeforeMs !== undefined && performance.now() < notBeforeMs) this.early += 1;
          return false;
        };
        const always = { route, times: Number.POSITIVE_INFINITY, status: 500 };
        receiver.fail({ ...always, when: "before", match: look });
        // While it is down, it takes every other one all the same.
        const isOdd = (request: RecordedRequest) =>
          Number.parseInt(fingerprintIn(request).slice(-1), 16) % 2 === 1;
        receiver.fail({ ...always, when: "after", match: (one) => this.#down && isOdd(one) });
        receiver.fail({ ...always, when: "before", match: () => this.#down });
      }
    }
    for (const route of ["conversations.history", "conversations.replies"]) {
      const always = { route, times: Number.POSITIVE_INFINITY, status: 500 };
      sink.slack.fail({ ...always, when: "before", match: () => this.#down });
    }
  }

  /** Everything is answered with 500, also a look at the history, until it is up again. */
  set down(down: boolean) {
    this.#down = down;
  }

  /** Harms the next delivery of an incident on both providers: its first message, or its end. */
  harm(fingerprint: string, harm: Harm, { atEnd }: { readonly atEnd: boolean }): void {
    const { slack, pagerduty } = this.#sink;
    const retryAfterMs = Number(harm.headers?.["retry-after"] ?? 0) * 1_000;
    for (const [receiver, route, isEnd] of [
      [slack, atEnd ? "chat.update" : "chat.postMessage", /"status":"resolved"/],
      [pagerduty, "enqueue", /"event_action":"resolve"/],
    ] as const) {
      const match = (request: RecordedRequest) => {
        if (fingerprintIn(request) !== fingerprint) return false;
        if (isEnd.test(request.text) !== atEnd) return false;
        this.harmed += 1;
        if (retryAfterMs > 0) {
          const name = `${fingerprint} ${receiver.url}`;
          this.#notBeforeMs.set(name, performance.now() + retryAfterMs);
        }
        return true;
      };
      receiver.fail({ ...harm, route, match });
    }
  }
}
