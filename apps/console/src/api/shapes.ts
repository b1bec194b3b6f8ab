/**
 * The shapes of the public JSON API that the page reads. Times are ISO 8601. The page treats every text as
 * hostile and survives a state that it does not know.
 */

import type { Incident as CoreIncident, EvidenceUnit, Kind } from "@tracer/core";

export type Unit = EvidenceUnit;

/** One try of a delivery, and what the provider answered. */
export interface Attempt {
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly outcome: string | null;
  readonly reason: string | null;
}

/** One change of an incident on its way to one channel. */
export interface Delivery {
  readonly id: string;
  readonly incidentId: string;
  readonly channel: string;
  readonly action: string;
  readonly state: string;
  readonly attempts: number;
  readonly createdAt: string;
  readonly sentAt: string | null;
  readonly lastError: string | null;
  /** With `GET /api/v1/incidents/:id` only. */
  readonly tries?: readonly Attempt[];
}

export interface Incident extends CoreIncident {
  readonly deliveries?: readonly Delivery[];
}

export interface IncidentPage {
  readonly incidents: readonly Incident[];
  readonly nextCursor: string | null;
}

/** A service of `GET /api/v1/services`; the sparkline holds records a minute, oldest first. */
export interface Service {
  readonly project: string;
  readonly environment: string;
  readonly service: string;
  readonly state: string;
  readonly newKinds: string | null;
  readonly recordsPerMinute: number;
  readonly errorsPerMinute: number;
  readonly sparkline: readonly (number | null)[];
  readonly expectedLow?: number | null;
  readonly expectedHigh?: number | null;
  readonly lastSeenAt: string | null;
}

export interface Services {
  readonly services: readonly Service[];
  readonly total?: number;
  readonly room: {
    readonly held: number;
    readonly seriesMax: number;
    readonly otherRecords: number;
  };
}

export interface Bucket {
  readonly startMs: number;
  readonly records: number;
  readonly errors: number;
  readonly expectedRecords: number;
  readonly low: number;
  readonly high: number;
  readonly latencyMs: number | null;
  readonly expectedLatencyMs: number | null;
  readonly latencyLow: number | null;
  readonly latencyHigh: number | null;
  readonly closed: boolean;
}

export interface Series {
  readonly service: string;
  readonly environment: string;
  readonly bucketSeconds: number;
  readonly buckets: readonly Bucket[];
}

export interface Decision {
  readonly kind: Kind;
  readonly part: string;
  readonly state: string;
  readonly from: string;
  readonly evidence: number | null;
  readonly bar: number | null;
  readonly observed: number | null;
  readonly expected: number | null;
  readonly expectedLow: number | null;
  readonly expectedHigh: number | null;
  readonly unit: Unit;
  readonly why: string;
  readonly incidentId: string | null;
}

/** Why nothing fired, or what did: `GET /api/v1/services/:service/decisions`. */
export interface Decisions {
  readonly at: string;
  readonly verdict: string;
  readonly decisions: readonly Decision[];
}

/** A channel of `GET /api/v1/channels`. */
export interface Channel {
  readonly name: string;
  readonly kind: string;
  readonly state: string;
  readonly lastSuccessAt: string | null;
  readonly lastError: string | null;
  /** What a person has to do about it, where that is known. */
  readonly fix?: string | null;
}

export interface Silence {
  readonly id: string;
  readonly matchers: Readonly<Record<string, string>>;
  readonly reason: string;
  readonly createdBy: string;
  readonly createdAt: string;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly state: string;
  readonly held: number;
}

/** The `counts` event, once a second. */
export interface Counts {
  readonly recordsTotal: number;
  readonly recordsPerSecond: number;
  readonly services: number;
}

/** A key of `GET /api/v1/keys`; its text is told once, when it is made. */
export interface Key {
  readonly id: string;
  readonly label: string;
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly service: string | null;
  readonly state: string;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
}
