import type { Row } from "../row.ts";
import { clocks } from "./clocks.ts";
import { crashPointsRow } from "./crash-points.ts";
import { embedded } from "./embedded.ts";
import { kills } from "./kills.ts";
import { oppositeBatches, poolExhausted, rowLock } from "./locks.ts";
import { flapping, steadyFault } from "./long-faults.ts";
import { poison } from "./poison.ts";
import { postgresRow } from "./postgres.ts";
import { provider } from "./provider.ts";
import { resolveRace } from "./resolve-race.ts";
import { sameKey } from "./same-key.ts";
import { serverStops } from "./server-stops.ts";
import { soak } from "./soak.ts";
import { spill } from "./spill.ts";
import { stopped } from "./stopped.ts";
import { storm } from "./storm.ts";

/** Every row of the fault matrix, in the order of the report. */
export const ROWS: readonly Row[] = [
  ...[sameKey, kills, crashPointsRow, stopped, clocks, postgresRow, serverStops],
  ...[poolExhausted, rowLock, oppositeBatches, provider, poison, storm],
  ...[steadyFault, flapping, resolveRace, spill, embedded, soak],
];
