export {
  ACTS,
  type Act,
  type AuditEntry,
  type AuditPage,
  type ListActsOptions,
  listActs,
  recordAct,
} from "./audit.ts";
export { type ClaimedDelivery, type ClaimOptions, claimDeliveries } from "./claim.ts";
export {
  DECISION_REACH_HOURS,
  DECISION_STATES,
  DECISIONS_KEPT_HOURS,
  type Decision,
  type DecisionState,
  type DecisionsAround,
  decisionsAround,
  type IncidentAt,
  incidentsAt,
  nearestDecisions,
  type RecordedDecision,
  type SeriesId,
  seriesIdOf,
  wasRunning,
  writeDecisions,
} from "./decisions.ts";
export {
  attemptsOf,
  DELIVERY_STATES,
  type DeliveryAttempt,
  type DeliveryPage,
  type DeliveryRecord,
  type DeliveryState,
  deliveriesOf,
  type ListDeliveriesOptions,
  listDeliveries,
} from "./deliveries.ts";
export { type Deploy, type ListDeploysOptions, listDeploys, markDeploy } from "./deploys.ts";
export {
  type ClaimDigestOptions,
  type ClaimedDigest,
  claimDigest,
  recordDigestAttempt,
  type SettleDigestOptions,
  settleDigest,
} from "./digest.ts";
export {
  type EmbeddedOptions,
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from "./embedded.ts";
export type { Executor } from "./executor.ts";
export { type FallBackOptions, fallBack } from "./fall-back.ts";
export { type FolderLock, lockFolder } from "./folder-lock.ts";
export { evidenceOf } from "./incident-json.ts";
export {
  getIncident,
  type IncidentPage,
  type ListIncidentsOptions,
  listIncidents,
} from "./incidents.ts";
export {
  type CreateKeyOptions,
  createKey,
  createKeysIfNone,
  findKey,
  hasKeys,
  KEY_SCOPES,
  KEY_STATES,
  type KeyOwner,
  type KeyRecord,
  type KeyScope,
  type ListKeysOptions,
  listKeys,
  type NewKeys,
  PROJECT_PATTERN,
  revokeKey,
  touchKeys,
} from "./keys.ts";
export { holdLease, LEASE_SECONDS, releaseLease } from "./leases.ts";
export {
  type MigrateOptions,
  migrate,
  type PendingMigration,
  pendingMigrations,
} from "./migrate.ts";
export { checkServerVersion, openPool, type Pool, type PoolOptions, serverTimeMs } from "./pool.ts";
export { DEAD_AFTER_SECONDS, heartbeat, retire } from "./processors.ts";
export { keepQuiet, type QuietOptions } from "./quiet-hours.ts";
export { ReadFirst, type ReadFirstOptions } from "./read-first.ts";
export {
  acknowledge,
  clear,
  type Ended,
  type ResolveQuietOptions,
  resolveByHand,
  resolveQuiet,
} from "./resolve.ts";
export {
  beginSession,
  endSession,
  findSession,
  SESSION_HOURS,
  type Session,
  type SessionKey,
  sessionProof,
} from "./sessions.ts";
export {
  type AttemptOptions,
  nextDueMs,
  recordAttempt,
  retryDeadLetter,
  type SettleOptions,
  settle,
} from "./settle.ts";
export { type Outcome, type SightOptions, type SightResult, sight } from "./sight.ts";
export type { Sighting } from "./sighting.ts";
export {
  type CreateSilenceOptions,
  createSilence,
  expireSilence,
  type ListSilencesOptions,
  listSilences,
  REASON_CHARS_MAX,
  SILENCE_STATES,
  type Silence,
  type SilenceMatchers,
  type SilencePage,
  silencedIncidents,
} from "./silences.ts";
export {
  flushStepCounts,
  type Peer,
  type ReadStepCountsOptions,
  readStepCounts,
  STEP_COUNTS_MAX,
  type StepCount,
  type StepFlush,
} from "./step-counts.ts";
export { type SweepOptions, sweep } from "./sweep.ts";
export {
  type ClaimTriageOptions,
  claimTriage,
  countTriageCall,
  settleTriage,
  TRIAGE_OUTCOMES,
  type TriageOutcome,
} from "./triage.ts";
