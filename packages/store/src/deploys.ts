import assert from "node:assert/strict";
import { clip, flatten } from "@tracer/core";
import { type Executor, type Row, run } from "./executor.ts";
import { isoSql } from "./incident-json.ts";
import { textOf } from "./row.ts";

/** Longer versions are clipped to so many UTF-16 units: they are shown in alerts. */
export const VERSION_CHARS_MAX = 200;
/** A deploy is shown with incidents that began within this after it. */
const BEFORE_ONSET_MINUTES = 60;

/** Somebody said that a version of a service went live. */
export interface Deploy {
  readonly id: string;
  readonly service: string;
  readonly version: string;
  /** `""`: in every environment. */
  readonly environment: string;
  /** ISO 8601 in UTC, by the database's clock. */
  readonly at: string;
}

export interface MarkDeployOptions {
  readonly project: string;
  /** As the service's records name it. */
  readonly service: string;
  /** One line of any text; clipped to 200 UTF-16 units. */
  readonly version: string;
  /** Default: every environment. */
  readonly environment?: string;
  readonly by: string;
}

/** Notes that a version went live just now. Incidents that begin within the next hour show it. */
export async function markDeploy(db: Executor, options: MarkDeployOptions): Promise<Deploy> {
  const { project, service, environment = "", by } = options;
  const version = clip(flatten(options.version), VERSION_CHARS_MAX);
  const [row] = await run(db, MARK_SQL, [project, environment, service, version, by]);
  assert(row !== undefined, "an insert returns its row");
  return deployOf(row);
}

const SHOWN = `id::text, service, version, environment, ${isoSql("at")} as at`;

const MARK_SQL = `
insert into deploys (project, environment, service, version, at, created_by)
values ($1, $2, $3, $4, clock_timestamp(), $5) returning ${SHOWN}`;

export interface ListDeploysOptions {
  readonly project: string;
  /** Only of this service. */
  readonly service?: string;
  /** At most this many. */
  readonly limit: number;
}

/** Deploys of a project, newest first. */
export async function listDeploys(
  db: Executor,
  { project, service, limit }: ListDeploysOptions,
): Promise<Deploy[]> {
  return (await run(db, LIST_SQL, [project, service ?? null, limit])).map(deployOf);
}

const LIST_SQL = `
select ${SHOWN} from deploys d where project = $1 and ($2::text is null or service = $2)
order by d.at desc, d.id desc limit $3`;

/**
 * SQL of the newest deploy of a row's service at most an hour before `onsetAt`, as `{version, at}`; null
 * when there is none. A deploy without an environment is one in every environment.
 */
export function deployBeforeSql(row: string, onsetAt: string): string {
  return `(select jsonb_build_object('version', deploy.version, 'at', ${isoSql("deploy.at")})
    from deploys deploy
    where deploy.project = ${row}.project and deploy.service = ${row}.service
      and deploy.environment in (${row}.environment, '') and deploy.at <= ${onsetAt}
      and deploy.at >= ${onsetAt} - interval '${BEFORE_ONSET_MINUTES} min'
    order by deploy.at desc, deploy.id desc limit 1)`;
}

function deployOf(row: Row): Deploy {
  return {
    id: textOf(row, "id"),
    service: textOf(row, "service"),
    version: textOf(row, "version"),
    environment: textOf(row, "environment"),
    at: textOf(row, "at"),
  };
}
