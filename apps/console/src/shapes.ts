/**
 * The shapes of the public JSON API that the page reads; types only, never loaded by a browser. Times are
 * ISO 8601. The page treats every text as hostile and survives a state that it does not know.
 */

/** The numbers behind an incident; `unit` is the unit of all values but z, evidence, bar and sampleSize. */
interface Evidence {
  readonly unit: string;
  readonly observed: number;
  readonly peak: number;
  readonly expected: number;
  readonly expectedLow: number;
  readonly expectedHigh: number;
  readonly ratio: number | null;
  readonly z: number | null;
  readonly ewma: number | null;
  readonly rateOfChange: number | null;
  readonly evidence: number;
  readonly bar: number;
  readonly sampleSize: number;
  readonly baselineAgeSeconds: number;
  readonly sparkline: readonly (number | null)[];
  readonly sentence: string;
  readonly templates?: readonly Template[];
  /** How it ended, where that is no recovery. */
  readonly ending?: string;
}

/** A kind of message: lines a minute in the hour before the onset, and since it. */
interface Template {
  readonly text: string;
  readonly level: string;
  readonly before: number;
  readonly now: number;
  readonly isNew: boolean;
}

/** One change of an incident on its way to one channel. */
export interface Delivery {
  readonly channel: string;
  readonly action: string;
  readonly state: "pending" | "sent" | "dead";
  readonly attempts: number;
  readonly sentAt: string | null;
  readonly lastError: string | null;
}

/** An incident of `GET /api/v1/incidents`; the deliveries come with `GET /api/v1/incidents/:id` only. */
export interface Incident {
  readonly id: string;
  readonly project: string;
  readonly environment: string;
  readonly service: string;
  readonly kind: string;
  readonly part: string;
  readonly severity: string;
  readonly state: string;
  readonly openedAt: string;
  readonly lastSeenAt: string;
  readonly resolvedAt: string | null;
  readonly closeReason: string | null;
  readonly occurrences: number;
  readonly title: string;
  readonly evidence: Evidence;
  readonly exemplars: readonly string[];
  readonly deliveries?: readonly Delivery[];
}

/** A service of `GET /api/v1/services`; the sparkline holds records a minute, oldest first. */
export interface Service {
  readonly project: string;
  readonly environment: string;
  readonly service: string;
  readonly state: string;
  readonly recordsPerMinute: number;
  readonly errorsPerMinute: number;
  readonly sparkline: readonly (number | null)[];
  readonly lastSeenAt: string | null;
}

/** A channel of `GET /api/v1/channels`. */
export interface Channel {
  readonly name: string;
  readonly kind: string;
  readonly state: string;
  readonly lastSuccessAt: string | null;
  readonly lastError: string | null;
}

/** The `counts` event, once a second. */
export interface Counts {
  readonly recordsTotal: number;
  readonly recordsPerSecond: number;
  readonly services: number;
}

/** How many services there is room for, and what found none: `room` of `GET /api/v1/services`. */
export interface ServicesRoom {
  readonly held: number;
  readonly seriesMax: number;
  readonly otherRecords: number;
}
