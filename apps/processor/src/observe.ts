import { type DestinationStream, type Logger, pino } from "pino";
import { Counter, Histogram, Registry } from "prom-client";
import { isUnavailable } from "./database.ts";
import { gauge, total, watchEventLoop } from "./observe-gauges.ts";
import { CUT_SHORT, DROPPED, GIVEN_UP, SYSLOG_LOSS } from "./observe-texts.ts";
import type { TracerEvent } from "./tracer-event.ts";

export interface Observe {
  (event: TracerEvent): void;
  /** The metrics in Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  /** Values that are read when the metrics are. */
  readonly watch: (gauges: Gauges) => void;
  /** Sum of `tracer_records_total{result="accepted"}`. */
  readonly recordsAccepted: () => number;
  readonly close: () => void;
}

interface Gauges {
  readonly series: () => number;
  readonly seriesMax: () => number;
  readonly otherRecords: () => number;
  readonly inFlightBytes: () => number;
  readonly peers: () => number;
  readonly drops: () => "on_all" | "on_part" | "not";
}

/** The only place that knows the names of log lines and metrics. Logs are JSON lines to `destination`. */
export function createObserve(level: string, destination: DestinationStream): Observe {
  const log = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
  const registry = new Registry();
  const metrics = createMetrics(registry);
  const lag = watchEventLoop(registry);
  let accepted = 0;

  const observe = (event: TracerEvent): void => {
    count(metrics, event);
    write(log, event);
    if (event.name === "records_counted") accepted += event.accepted;
  };
  return Object.assign(observe, {
    metrics: () => registry.metrics(),
    watch: (gauges: Gauges) => {
      gauge(registry, "tracer_series", "Services held by the detector.", gauges.series);
      gauge(registry, "tracer_series_max", "Services held at most.", gauges.seriesMax);
      total(
        registry,
        "tracer_records_other_total",
        "Records counted under (other): there was no room for their service.",
        gauges.otherRecords,
      );
      gauge(
        registry,
        "tracer_ingest_in_flight_bytes",
        "Bytes of admitted requests not yet counted.",
        gauges.inFlightBytes,
      );
      gauge(registry, "tracer_peers", "Other processors that live.", gauges.peers);
      gauge(
        registry,
        "tracer_drops_in_doubt",
        "1 while no drop is told, because counts of other processors may be missing.",
        () => Number(gauges.drops() === "not"),
      );
      gauge(
        registry,
        "tracer_drops_judged_on_part",
        "1 while drops are judged though counts of other processors are missing for long.",
        () => Number(gauges.drops() === "on_part"),
      );
    },
    recordsAccepted: () => accepted,
    close: () => lag.disable(),
  });
}

type Metrics = ReturnType<typeof createMetrics>;

function createMetrics(registry: Registry) {
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers });
  return {
    records: counter("tracer_records_total", "Log records by result.", ["protocol", "result"]),
    syslogLosses: counter(
      "tracer_syslog_losses_total",
      "Messages clipped, connections refused or closed because they made no sense.",
      ["protocol", "what"],
    ),
    late: counter("tracer_records_late_total", "Records older than the lateness bound.", []),
    future: counter("tracer_records_future_total", "Records dated over 5 minutes ahead.", []),
    bytes: counter("tracer_ingest_bytes_total", "Inflated bytes of counted batches.", ["protocol"]),
    refused: counter("tracer_batches_refused_total", "Batches refused whole.", [
      "protocol",
      "code",
    ]),
    signals: counter("tracer_signals_total", "Signals opened by the detector.", ["kind"]),
    stale: counter("tracer_signals_stale_total", "Signals in history; they send nothing.", [
      "kind",
    ]),
    reservations: counter("tracer_reservations_total", "Sightings by outcome.", ["outcome"]),
    deliveries: counter("tracer_deliveries_total", "Attempts by outcome.", ["channel", "outcome"]),
    fallenBack: counter("tracer_fallen_back_total", "Deliveries for the fall-back channel.", [
      "channel",
    ]),
    digests: counter("tracer_digests_total", "Messages about many incidents at once.", [
      "channel",
      "outcome",
    ]),
    repeats: counter("tracer_deliveries_maybe_repeated_total", "Sent after an unknown end.", [
      "channel",
    ]),
    decisionsDropped: counter("tracer_decisions_dropped_total", "Decisions not recorded.", []),
    foreign: counter("tracer_foreign_records_total", "Records that other processors counted.", []),
    countsDropped: counter(
      "tracer_shared_records_dropped_total",
      "Records whose counts the database refused: other processors do not know of them.",
      [],
    ),
    spillDropped: counter(
      "tracer_spill_dropped_total",
      "Signals that waited for the database and were not kept: in memory, or on disk.",
      ["reason"],
    ),
    spillDamaged: counter("tracer_spill_damaged_total", "Damaged records of a spill file.", []),
    triages: counter("tracer_triages_total", "Incidents that a model was to be asked about.", [
      "outcome",
    ]),
    heartbeats: counter("tracer_heartbeats_total", "Heartbeats to HEARTBEAT_URL.", ["outcome"]),
    failures: counter("tracer_loop_failures_total", "Failed rounds of a worker loop.", ["loop"]),
    alertLatency: new Histogram({
      name: "tracer_alert_latency_seconds",
      help: "From the end of the deciding step (detect), the decision (reserve), the outbox row (deliver).",
      labelNames: ["stage"],
      buckets: [0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 300],
      registers,
    }),
  };
}

function count(metrics: Metrics, event: TracerEvent): void {
  switch (event.name) {
    case "records_counted":
      metrics.records.inc({ protocol: event.protocol, result: "accepted" }, event.accepted);
      metrics.records.inc({ protocol: event.protocol, result: "rejected" }, event.rejected);
      metrics.late.inc(event.late);
      metrics.future.inc(event.future);
      return metrics.bytes.inc({ protocol: event.protocol }, event.bytes);
    case "syslog_loss":
      return countSyslogLoss(metrics, event);
    case "batch_refused":
      return metrics.refused.inc({ protocol: event.protocol, code: event.code });
    case "signal_opened":
      metrics.alertLatency.observe({ stage: "detect" }, event.detectSeconds);
      return metrics.signals.inc({ kind: event.kind });
    case "heartbeat":
      return metrics.heartbeats.inc({ outcome: event.outcome });
    case "signal_stale":
      return metrics.stale.inc({ kind: event.kind });
    case "reserved":
      metrics.alertLatency.observe({ stage: "reserve" }, event.reserveSeconds);
      return metrics.reservations.inc({ outcome: event.outcome });
    case "delivery_settled":
      if (event.outcome === "sent") {
        metrics.alertLatency.observe({ stage: "deliver" }, event.deliverySeconds);
      }
      if (event.maybeRepeat) metrics.repeats.inc({ channel: event.channel });
      return metrics.deliveries.inc({ channel: event.channel, outcome: event.outcome });
    case "digest_settled": {
      const { channel, outcome, deliveries, fenced } = event;
      if (outcome === "sent") {
        metrics.alertLatency.observe({ stage: "deliver" }, event.deliverySeconds);
      }
      if (event.maybeRepeat) metrics.repeats.inc({ channel });
      metrics.digests.inc({ channel, outcome });
      if (fenced > 0) metrics.deliveries.inc({ channel, outcome: "fenced" }, fenced);
      return metrics.deliveries.inc({ channel, outcome }, deliveries);
    }
    case "fallen_back":
      return metrics.fallenBack.inc({ channel: event.channel }, event.count);
    case "sighting_dropped":
      return metrics.failures.inc({ loop: "announce" });
    case "foreign_counted":
      return metrics.foreign.inc(event.records);
    case "counts_dropped":
      return metrics.countsDropped.inc(event.records);
    case "decisions_dropped":
      return metrics.decisionsDropped.inc(event.count);
    case "triage_settled":
      return metrics.triages.inc({ outcome: event.outcome });
    case "loop_failed":
      return metrics.failures.inc({ loop: event.loop });
    case "snapshot_failed":
      return metrics.failures.inc({ loop: "snapshot" });
    case "spill_failed":
      return metrics.failures.inc({ loop: "spill" });
    case "spill_dropped":
      return metrics.spillDropped.inc({ reason: event.reason }, event.count);
    case "spill_replayed":
      return metrics.spillDamaged.inc(event.damaged);
    default:
      return undefined; // The others are log lines only.
  }
}

function write(log: Logger, event: TracerEvent): void {
  switch (event.name) {
    case "ready":
      return log.info(event, "Tracer is ready.");
    case "stopping":
      return log.info(event, "Stopping: no new batches, what was admitted is finished.");
    case "start_slow":
      return log.warn(event, `Starting: still waiting for ${event.waitsFor}.`);
    case "stop_cut_short":
      return log.warn(event, CUT_SHORT[event.part]);
    case "database_away":
      return log.error(
        event,
        "The database does not answer. Detection goes on; nothing can be announced until it is back.",
      );
    case "database_back":
      return log.info(event, "The database answers again, without a gap for 10 s.");
    case "told_not_kept":
      return log.error(
        { ...event, error: pino.stdSerializers.err(toError(event.error)) },
        "Who was told that the database is away cannot be kept: after a restart they would not be told its end.",
      );
    case "config_warning":
      return log.warn(event, event.message);
    case "settings_reloaded":
      return log.info(
        event,
        "The configuration was read again; channels and rules are as it says.",
      );
    case "settings_refused":
      return log.error(event, "The configuration was read again and refused; nothing has changed.");
    case "page_built":
      return log.info(event, "The operator page was built.");
    case "page_missing":
      return log.error(event, "The operator page could not be built; everything else works.");
    case "channels_configured":
      return log.info(event, `Alerts go to: ${event.channels.join(", ")}.`);
    case "records_counted":
      if (event.rejected > 0) log.debug(event, "A batch held records that could not be read.");
      return;
    case "syslog_ready":
      return log.info(event, `Syslog is received on ${event.host}:${event.port}, TCP and UDP.`);
    case "syslog_loss":
      if (event.say) log.warn(event, SYSLOG_LOSS[event.what]);
      return;
    case "batch_refused":
      return log.debug(event, "A batch was refused whole.");
    case "signal_opened":
      return log.info(event, "The detector opened a signal.");
    case "signal_resolved":
      return log.info(event, "The detector ended a signal.");
    case "signal_stale":
      return log.info(event, "A signal lies in the past: recorded, nothing sent.");
    case "reserved":
      return log.debug(event, "A sighting was recorded.");
    case "sighting_dropped":
      return log.error(
        { ...event, error: pino.stdSerializers.err(toError(event.error)) },
        "The database refused what was seen of a signal: a defect of Tracer, and this report is lost.",
      );
    case "delivery_settled":
      if (event.outcome === "sent") return log.info(event, "A delivery was sent.");
      return log.warn(event, "A delivery could not be sent.");
    case "digest_settled":
      if (event.outcome === "sent") return log.info(event, "A digest was sent.");
      return log.warn(event, "A digest could not be sent.");
    case "fallen_back":
      return log.warn(event, "What could not be delivered goes to the fall-back channel.");
    case "incidents_resolved":
      return log.info(event, "Incidents ended.");
    case "foreign_counted":
      return log.trace(event, "Counts of other processors were read.");
    case "peers_changed":
      return log.info(event, `Shares the traffic with ${event.peers} other processors.`);
    case "peers_given_up":
      return log.warn(event, GIVEN_UP[event.reason]);
    case "peers_certain":
      return log.info(event, "The counts of all processors are known again.");
    case "counts_dropped":
      return log.error(
        { ...event, error: pino.stdSerializers.err(toError(event.error)) },
        "The database refused counts for the other processors: a defect of Tracer, and they do not learn of them.",
      );
    case "decisions_dropped":
      return log.warn(event, "Some decisions are not recorded: there was no room for them.");
    case "series_full":
      return log.warn(event, "SERIES_MAX is reached: new services are counted under (other).");
    case "snapshot_restored":
      return log.info(event, "The detector goes on where the last snapshot was taken.");
    case "snapshot_outdated":
      return log.warn(event, "The snapshot is too old to be of use: the detector learns anew.");
    case "snapshot_refused":
      return log.warn(event, `${event.reason} The detector learns anew.`);
    case "snapshots_off":
      return log.warn(event, "No snapshots of the detector: after a restart it learns anew.");
    case "snapshot_written":
      return log.debug(event, "A snapshot was written.");
    case "snapshot_failed":
      return log.error(
        { ...event, error: pino.stdSerializers.err(toError(event.error)) },
        "A snapshot could not be written: a crash now would cost what was learned since the last.",
      );
    case "snapshot_recovered":
      return log.info(event, "Snapshots are written again.");
    case "notice_settled":
      if (event.outcome === "sent") return log.info(event, "People were told of the database.");
      return log.error(event, "People could not be told of the database yet.");
    case "spill_begun":
      return log.warn(event, "The database is away: what waits for it is kept on disk, too.");
    case "spill_emptied":
      return log.info(event, "What waited for the database is written.");
    case "spill_replayed":
      if (event.damaged === 0) return log.info(event, "What waited for the database goes on.");
      return log.error(event, "Parts of what waited for the database are damaged, and lost.");
    case "spill_refused":
      return log.error(event, "What waited for the database was written by a newer Tracer.");
    case "spill_failed":
      return log.error(
        { ...event, error: pino.stdSerializers.err(toError(event.error)) },
        "What waits for the database cannot be kept on disk: a crash now would cost it.",
      );
    case "spill_recovered":
      return log.info(event, "What waits for the database is kept on disk again.");
    case "spill_dropped":
      if (event.isFirst) log.error(event, DROPPED[event.reason]);
      return;
    case "triage_settled":
      if (event.outcome === "noted")
        return log.info(event, "A model's note was added to an alert.");
      return log.warn(event, "No model's note for an incident: its alert stays as it is.");
    case "loop_failed": {
      const failed = { ...event, error: pino.stdSerializers.err(toError(event.error)) };
      // All of them fail then, and `database_away` says it once.
      if (isUnavailable(event.error)) return log.debug(failed, "A loop waits for the database.");
      return log.error(failed, "A loop failed; it goes on.");
    }
    case "loop_recovered":
      if (event.away) return log.debug(event, "A loop has the database again.");
      return log.info(event, "A loop works again.");
    case "heartbeat":
      if (event.outcome === "sent") return log.debug(event, "The heartbeat was sent.");
      return log.warn(event, "The heartbeat was not sent, or not taken.");
    case "act_not_recorded":
      return log.error(
        { ...event, error: pino.stdSerializers.err(toError(event.error)) },
        "What somebody did could not be written to the record of acts.",
      );
    case "database_lost":
      return log.debug(
        { ...event, error: pino.stdSerializers.err(toError(event.error)) },
        "A database connection was lost.",
      );
    case "request_failed":
      return log.error(
        { ...event, error: pino.stdSerializers.err(toError(event.error)) },
        "A request failed inside Tracer.",
      );
    default:
      return event satisfies never;
  }
}

function countSyslogLoss(
  metrics: Metrics,
  { protocol, what, count: lost }: Extract<TracerEvent, { name: "syslog_loss" }>,
): void {
  if (what === "dropped") return metrics.records.inc({ protocol, result: "dropped" }, lost);
  metrics.syslogLosses.inc({ protocol, what }, lost);
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
