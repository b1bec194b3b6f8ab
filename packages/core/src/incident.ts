import type { SignalKey } from "./series.ts";
import type { Severity } from "./severity.ts";
import type { Evidence } from "./signal.ts";

/** Why a delivery exists. Only `edit` may be replaced by a newer one before it is sent. */
export const DELIVERY_ACTIONS = ["open", "escalate", "repeat", "edit", "resolve", "test"] as const;

export type DeliveryAction = (typeof DELIVERY_ACTIONS)[number];

export type IncidentState = "open" | "resolved";

/** Why an incident ended: nobody sighted it, every detector is satisfied, a person, or a newer epoch. */
export type CloseReason = "quiet" | "clear" | "manual" | "superseded";

/** A version of the service that went live shortly before the onset. */
export interface DeployMark {
  /** As somebody wrote it: any text, at most 200 UTF-16 units. */
  readonly version: string;
  /** ISO 8601 in UTC, by the database's clock. */
  readonly at: string;
}

export const TRIAGE_CONFIDENCES = ["low", "medium", "high"] as const;

/**
 * What a model made of an incident. Text of a machine that has read log lines: redacted, flat, clipped and
 * without links, but not escaped. It decides nothing.
 */
export interface TriageNote {
  /** One or two sentences, at most 280 UTF-16 units, as the next one. */
  readonly summary: string;
  readonly likelyCause: string;
  /** What a person should look at first: at most 3, of at most 120 UTF-16 units. */
  readonly checks: readonly string[];
  readonly confidence: (typeof TRIAGE_CONFIDENCES)[number];
  /** Name of the model. */
  readonly model: string;
}

/**
 * An incident as channels and pages see it; also the JSON stored with a delivery. Times are ISO 8601 in
 * UTC by the database's clock. Exemplars are redacted and clipped already, but not escaped.
 */
export interface Incident extends SignalKey {
  readonly id: string;
  readonly fingerprint: string;
  readonly epoch: number;
  readonly severity: Severity;
  readonly state: IncidentState;
  readonly openedAt: string;
  readonly lastSeenAt: string;
  readonly resolvedAt: string | null;
  readonly closeReason: CloseReason | null;
  readonly occurrences: number;
  readonly title: string;
  readonly evidence: Evidence;
  readonly exemplars: readonly string[];
  /** It opened three times within an hour: it stays open until it has been calm for 15 minutes. */
  readonly flapping: boolean;
  /** The newest deploy of the service in the hour before the onset; null when none was marked. */
  readonly deploy: DeployMark | null;
  /** When and by whom it was first taken on; null when it is not. */
  readonly ackedAt: string | null;
  readonly ackedBy: string | null;
  /** Absent while there is none: triage is off, not done yet, or failed. */
  readonly triage?: TriageNote;
}

/** One change of an incident on its way to one channel, as handed to that channel. */
export interface DeliveryTask {
  /** Unique per (fingerprint, epoch, seq, channel); the same on every attempt. */
  readonly deliveryId: string;
  readonly action: DeliveryAction;
  readonly seq: number;
  readonly incident: Incident;
  /** Link to the incident on the operator page. */
  readonly link: string;
  /** What the channel returned for the first message of this incident; null when there is none yet. */
  readonly receipt: Readonly<Record<string, string>> | null;
  /** True when an earlier attempt ended unknown: it may have been sent, so look before sending again. */
  readonly uncertain: boolean;
  /** How many ended so, and how long ago the last of them began by the database's clock, in ms. 0 when none did. */
  readonly unknownEnds: number;
  readonly unknownMs: number;
  /** When the first of them began, by the database's clock, ISO 8601; not given: none did, or that is not known. */
  readonly unknownSince?: string;
  /** Attempts before this one. */
  readonly attempts: number;
  /** Set where a digest has told the channel of the incident: whether any incident told in digests is open. */
  readonly stormOpen?: boolean;
  /** Set on the fall-back channel: where it should have gone, and why it could not. */
  readonly undelivered?: Undelivered;
  /**
   * The incidents that share one message of the channel, at least two, this one among them: as they are now, the one that
   * the message began with first. Then `receipt` is of that message also for an `open`, which joins it.
   */
  readonly group?: readonly GroupMember[];
}

export interface GroupMember {
  readonly incident: Incident;
  /** Link to the incident on the operator page. */
  readonly link: string;
}

export interface Undelivered {
  readonly channel: string;
  readonly reason: string;
}

/** One change of an incident as a digest tells of it. */
export interface DigestEntry extends Pick<Incident, DigestField> {
  readonly action: DeliveryAction;
}

type DigestField = "id" | "service" | "environment" | "kind" | "part" | "severity" | "title";

/**
 * Many changes on their way to one channel as one message. What belongs to it is fixed once it was formed:
 * every attempt has the same id and tells of the same changes.
 */
export interface DigestTask {
  /** A UUID; in the receipt as `digest`, which tells it from the receipt of a message about one incident. */
  readonly id: string;
  /** At least one, most urgent first; an incident at most once. */
  readonly entries: readonly DigestEntry[];
  /** When the oldest of the changes was written; ISO 8601. */
  readonly since: string;
  /** Link to the list of incidents. */
  readonly link: string;
  /** True when an earlier attempt ended unknown. */
  readonly uncertain: boolean;
  /** As of a DeliveryTask. */
  readonly unknownEnds: number;
  readonly unknownMs: number;
  /** Attempts before this one. */
  readonly attempts: number;
  /** Whether any incident is open that this digest, or one before it, tells the channel of. */
  readonly stillOpen: boolean;
  /** Set on the fall-back channel, by the first of the changes. */
  readonly undelivered?: Undelivered;
}

/** What an attempt's answer means. */
export type Verdict =
  | {
      readonly kind: "sent";
      /** Kept and handed back with later deliveries of the incident; null when the channel gives none. */
      readonly receipt: Readonly<Record<string, string>> | null;
      /** True when it may be a second copy: an unknown end could not be looked up. Counted. */
      readonly maybeRepeat?: boolean;
    }
  | { readonly kind: "retry"; readonly reason: string; readonly afterMs: number | null }
  | { readonly kind: "permanent"; readonly reason: string }
  | { readonly kind: "reconnect"; readonly reason: string }
  | { readonly kind: "ambiguous"; readonly reason: string };
