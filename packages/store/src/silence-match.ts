import { SEVERITIES } from "@tracer/core";

const SEVERITY_WORDS = SEVERITIES.map((severity) => `'${severity}'`).join(", ");

export interface SilenceMatch {
  /** A row of `silencePatternsSql`. */
  readonly silence: string;
  /** A row with project, service, kind and part. */
  readonly row: string;
  /** SQL of the severity to be matched, 0 to 3. */
  readonly severity: string;
  /** SQL of the evidence to be matched, as jsonb. */
  readonly evidence: string;
}

/**
 * SQL: whether a silence matches an incident, whatever the time. Letters count as they are written; only
 * `*` stands for anything. A template is that of the incident's own kind, or one of those that its evidence names.
 */
export function matchesSql({ silence, row, severity, evidence }: SilenceMatch): string {
  return `${silence}.project = ${row}.project
    and (${silence}.kind is null or ${silence}.kind = ${row}.kind)
    and (${silence}.severity is null or ${silence}.severity = (array[${SEVERITY_WORDS}])[${severity} + 1])
    and (${silence}.service_like is null or ${row}.service like ${silence}.service_like)
    and (${silence}.template_like is null
      or ${row}.kind = 'template' and ${row}.part like ${silence}.template_like
      or exists (select from jsonb_array_elements(case jsonb_typeof(${evidence} -> 'templates')
        when 'array' then ${evidence} -> 'templates' else '[]' end) named
        where named ->> 'text' like ${silence}.template_like))`;
}

/** SQL of the columns that `matchesSql` reads, from those of `silences`: LIKE patterns are made once, not for each row. */
export function silencePatternsSql(silence: string): string {
  const service = likeSql(`${silence}.service`);
  const template = likeSql(`${silence}.template`);
  return `${silence}.project, ${silence}.kind, ${silence}.severity,
    ${service} as service_like, ${template} as template_like`;
}

const PATTERNS = silencePatternsSql("silences");

/** A part of WITH for statements that use `silencedBySql`: the silences that may be in force while it runs. */
export const SILENCES_CTE = `current_silences as materialized (
  select id, starts_at, ends_at, ${PATTERNS}
  from silences where ends_at > statement_timestamp()
)`;

/** SQL: the id of a silence that is in force at `clock` and matches, the oldest of several; null when none does. */
export function silencedBySql(match: Omit<SilenceMatch, "silence">, clock: string): string {
  return `(select min(silence.id) from current_silences silence
    where silence.ends_at > ${clock} and silence.starts_at <= ${clock}
      and ${matchesSql({ ...match, silence: "silence" })})`;
}

/** SQL of a LIKE pattern in which `*` is the only wildcard: those of LIKE are text. */
function likeSql(pattern: string): string {
  const plain = ["\\", "%", "_"].reduce(
    (text, sign) => `replace(${text}, '${sign}', '\\${sign}')`,
    pattern,
  );
  return `replace(${plain}, '*', '%')`;
}
