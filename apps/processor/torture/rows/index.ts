import type { Row } from "../row.ts";
import { crashPointsRow } from "./crash-points.ts";
import { kills } from "./kills.ts";
import { postgresRow } from "./postgres.ts";
import { provider } from "./provider.ts";
import { sameKey } from "./same-key.ts";

/** Every row of the fault matrix, in the order of the report. */
export const ROWS: readonly Row[] = [sameKey, kills, crashPointsRow, postgresRow, provider];
