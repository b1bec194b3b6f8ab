import type { Kind, Verdict } from "@tracer/core";
import type { TriageOutcome } from "@tracer/store";
import type { StopPart } from "./stopping.ts";

/** Everything that Tracer says about itself. A new event cannot be forgotten: the switch is exhaustive. */
export type TracerEvent =
  | {
      readonly name: "ready";
      readonly url: string;
      readonly database: "embedded" | "postgres";
      readonly processorId: string;
    }
  | { readonly name: "stopping"; readonly signal: string }
  | { readonly name: "start_slow"; readonly waitsFor: string; readonly seconds: number }
  | { readonly name: "stop_cut_short"; readonly part: StopPart }
  | { readonly name: "page_built"; readonly seconds: number }
  | { readonly name: "page_missing"; readonly reason: string }
  | { readonly name: "database_away" }
  | { readonly name: "database_back" }
  | { readonly name: "told_not_kept"; readonly error: unknown }
  | { readonly name: "config_warning"; readonly message: string }
  | { readonly name: "settings_reloaded" }
  | { readonly name: "settings_refused"; readonly problems: string }
  | { readonly name: "channels_configured"; readonly channels: readonly string[] }
  | {
      readonly name: "records_counted";
      readonly protocol: string;
      readonly accepted: number;
      readonly rejected: number;
      readonly late: number;
      readonly future: number;
      readonly bytes: number;
    }
  | { readonly name: "syslog_ready"; readonly host: string; readonly port: number }
  | {
      /** What syslog senders cannot be told. */
      readonly name: "syslog_loss";
      readonly protocol: string;
      readonly what: "dropped" | "clipped" | "connection_refused" | "connection_broken";
      readonly count: number;
      /** Since the start. */
      readonly total: number;
      /** False: it was said within the last minute. */
      readonly say: boolean;
    }
  | {
      readonly name: "batch_refused";
      readonly protocol: string;
      readonly code: string;
      readonly status: number;
    }
  | {
      readonly name: "signal_opened" | "signal_resolved" | "signal_stale";
      readonly kind: Kind;
      readonly service: string;
      readonly sentence: string;
      readonly detectSeconds: number;
    }
  | {
      readonly name: "reserved";
      readonly outcome: string;
      readonly incidentId: string;
      readonly reserveSeconds: number;
    }
  | {
      readonly name: "sighting_dropped";
      readonly kind: Kind;
      readonly service: string;
      readonly error: unknown;
    }
  | {
      readonly name: "delivery_settled";
      readonly channel: string;
      readonly action: string;
      readonly outcome: string;
      readonly reason: string | null;
      readonly incidentId: string;
      readonly deliverySeconds: number;
      readonly maybeRepeat: boolean;
    }
  | {
      readonly name: "digest_settled";
      readonly channel: string;
      readonly outcome: Verdict["kind"];
      readonly reason: string | null;
      readonly digest: string;
      /** Changes that it told of, or tried to; those that another processor had taken over. */
      readonly deliveries: number;
      readonly fenced: number;
      /** Of the oldest of the changes. */
      readonly deliverySeconds: number;
      readonly maybeRepeat: boolean;
    }
  | { readonly name: "fallen_back"; readonly channel: string; readonly count: number }
  | { readonly name: "incidents_resolved"; readonly count: number }
  | { readonly name: "decisions_dropped"; readonly count: number }
  | { readonly name: "foreign_counted"; readonly records: number; readonly late: number }
  | { readonly name: "peers_changed"; readonly peers: number; readonly before: number }
  | {
      readonly name: "peers_given_up";
      readonly reason: "silent" | "restless";
      /** Of whom nothing comes. */
      readonly processorId: string | null;
      readonly seconds: number;
    }
  | { readonly name: "peers_certain" }
  | {
      readonly name: "counts_dropped";
      readonly services: number;
      readonly records: number;
      readonly error: unknown;
    }
  | { readonly name: "series_full"; readonly seriesMax: number }
  | {
      readonly name: "snapshot_restored";
      readonly services: number;
      readonly openSignals: number;
      readonly gapSeconds: number;
    }
  | { readonly name: "snapshot_outdated"; readonly gapSeconds: number }
  | {
      readonly name: "snapshot_refused";
      readonly code: "SNAPSHOT_INVALID";
      readonly reason: string;
      readonly keptAs: string | null;
    }
  | { readonly name: "snapshots_off"; readonly reason: string }
  | { readonly name: "snapshot_written"; readonly bytes: number; readonly seconds: number }
  | { readonly name: "snapshot_failed"; readonly path: string; readonly error: unknown }
  | { readonly name: "snapshot_recovered"; readonly failures: number }
  | { readonly name: "spill_begun" | "spill_emptied"; readonly path: string }
  | {
      readonly name: "spill_replayed";
      readonly path: string;
      readonly signals: number;
      readonly records: number;
      readonly damaged: number;
    }
  | { readonly name: "spill_refused"; readonly path: string; readonly keptAs: string | null }
  | { readonly name: "spill_failed"; readonly path: string; readonly error: unknown }
  | { readonly name: "spill_recovered"; readonly failures: number }
  | {
      readonly name: "spill_dropped";
      readonly reason: "memory" | "full" | "disk";
      readonly count: number;
      /** Since the database went away: one line is enough. */
      readonly isFirst: boolean;
    }
  | {
      /** Something about Tracer itself was told, or could not be. */
      readonly name: "notice_settled";
      readonly channel: string;
      readonly state: "begun" | "over";
      readonly outcome: string;
      readonly reason: string | null;
    }
  | {
      /** A model was asked about an incident, or would have been. */
      readonly name: "triage_settled";
      readonly incidentId: string;
      readonly outcome: TriageOutcome;
      readonly reason: string | null;
    }
  | { readonly name: "loop_failed"; readonly loop: string; readonly error: unknown }
  | {
      readonly name: "loop_recovered";
      readonly loop: string;
      readonly failures: number;
      /** It was the database that was away. */
      readonly away: boolean;
    }
  | {
      /** To HEARTBEAT_URL; `reason` never holds it. */
      readonly name: "heartbeat";
      readonly outcome: "sent" | "refused" | "unreachable" | "self_test_failed";
      readonly reason: string;
    }
  | {
      /** Somebody did it all the same. */
      readonly name: "act_not_recorded";
      readonly project: string;
      readonly actor: string;
      readonly act: string;
      readonly subject: string;
      readonly error: unknown;
    }
  | { readonly name: "database_lost"; readonly error: unknown }
  | { readonly name: "request_failed"; readonly route: string; readonly error: unknown };
