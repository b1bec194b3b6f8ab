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
  DELIVERY_STATES,
  type DeliveryRecord,
  type DeliveryState,
  deliveriesOf,
  type ListDeliveriesOptions,
  listDeliveries,
} from "./deliveries.ts";
export {
  type EmbeddedOptions,
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from "./embedded.ts";
export type { Executor } from "./executor.ts";
export { type FolderLock, lockFolder } from "./folder-lock.ts";
export { evidenceOf } from "./incident-json.ts";
export {
  getIncident,
  type IncidentPage,
  type ListIncidentsOptions,
  listIncidents,
} from "./incidents.ts";
export {
  createKeysIfNone,
  findKey,
  hasKeys,
  type KeyOwner,
  type KeyScope,
  type NewKeys,
} from "./keys.ts";
export { type MigrateOptions, migrate } from "./migrate.ts";
export { checkServerVersion, openPool, type Pool, type PoolOptions, serverTimeMs } from "./pool.ts";
export { heartbeat, retire } from "./processors.ts";
export {
  acknowledge,
  clear,
  type Ended,
  type ResolveQuietOptions,
  resolveByHand,
  resolveQuiet,
} from "./resolve.ts";
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
export { type SweepOptions, sweep } from "./sweep.ts";
