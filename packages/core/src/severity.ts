/** How grave an incident is, mildest first. PagerDuty's words. Never used of a log record. */
export const SEVERITIES = ["info", "warning", "error", "critical"] as const;

export type Severity = (typeof SEVERITIES)[number];

/** 0 info … 3 critical, so that severities can be compared. */
export function severityRank(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}

/** Share of error records from which an `error` incident is critical. */
export const CRITICAL_ERROR_SHARE_MIN = 0.5;
/** Share of fatal records from which an `error` incident is critical. */
export const CRITICAL_FATAL_SHARE_MIN = 0.1;

/** Severity of an `error` signal, from the share of error records and of fatal ones, both in [0, 1]. */
export function errorSeverity(shares: { errorShare: number; fatalShare: number }): Severity {
  const critical =
    shares.errorShare >= CRITICAL_ERROR_SHARE_MIN || shares.fatalShare >= CRITICAL_FATAL_SHARE_MIN;
  return critical ? "critical" : "error";
}
