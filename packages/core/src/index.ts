export { type BandMark, type BandPoint, type BandSeries, bandChart } from "./chart/band-chart.ts";
export { escapeMarkup } from "./chart/markup.ts";
export { type Clock, systemClock } from "./clock.ts";
export { BUCKET_MS, CountDeltas, STEP_MS, stepStartOf } from "./counts.ts";
export { CRASH_POINTS, type CrashPoint, crashPoints } from "./crash-points.ts";
export { type ErrorCode, TracerError } from "./errors.ts";
export {
  type CloseReason,
  DELIVERY_ACTIONS,
  type DeliveryAction,
  type DeliveryTask,
  type DeployMark,
  type DigestEntry,
  type DigestTask,
  type GroupMember,
  type Incident,
  type IncidentState,
  TRIAGE_CONFIDENCES,
  type TriageNote,
  type Undelivered,
  type Verdict,
} from "./incident.ts";
export { LEVELS, type Level, LevelIndex } from "./level.ts";
export { redact } from "./redact.ts";
export {
  fingerprintOf,
  incidentIdOf,
  KINDS,
  type Kind,
  parseIncidentId,
  type SeriesKey,
  type SignalKey,
} from "./series.ts";
export {
  CRITICAL_ERROR_SHARE_MIN,
  CRITICAL_FATAL_SHARE_MIN,
  errorSeverity,
  SEVERITIES,
  type Severity,
  severityRank,
} from "./severity.ts";
export {
  ENDINGS,
  type Ending,
  type Evidence,
  type EvidenceUnit,
  type Signal,
  TEMPLATES_MAX,
  type TemplateCount,
} from "./signal.ts";
export {
  clip,
  EXEMPLAR_CHARS_MAX,
  endingText,
  exemplarText,
  flatten,
  formatDuration,
  formatNumber,
  formatQuantity,
  formatRatio,
  formatTemplateRates,
  NO_NUMBER,
  sparklineText,
} from "./text.ts";
