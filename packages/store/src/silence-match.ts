import { SEVERITIES } from "@tracer/core";

const SEVERITY_WORDS = SEVERITIES.map((severity) => `'${severity}'`).join(", ");

export interface SilenceMatch {
  /** A row with the columns of `silences`. */
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
  const template = likeSql(`${silence}.template`);
  return `${silence}.project = ${row}.project
    and (${silence}.kind is null or ${silence}.kind = ${row}.kind)
    and (${silence}.severity is null or ${silence}.severity = (array[${SEVERITY_WORDS}])[${severity} + 1])
    and (${silence}.service is null or ${row}.service like ${likeSql(`${silence}.service`)})
    and (${silence}.template is null or ${row}.kind = 'template' and ${row}.part like ${template}
      or exists (select from jsonb_array_elements(case jsonb_typeof(${evidence} -> 'templates')
        when 'array' then ${evidence} -> 'templates' else '[]' end) named
        where named ->> 'text' like ${template}))`;
}

/** SQL: the id of a silence that is in force at `clock` and matches, the oldest of several; null when none does. */
export function silencedBySql(match: Omit<SilenceMatch, "silence">, clock: string): string {
  return `(select silence.id from silences silence
    where silence.ends_at > ${clock} and silence.starts_at <= ${clock}
      and ${matchesSql({ ...match, silence: "silence" })}
    order by silence.id limit 1)`;
}

/** SQL of a LIKE pattern in which `*` is the only wildcard: those of LIKE are text. */
function likeSql(pattern: string): string {
  const plain = ["\\", "%", "_"].reduce(
    (text, sign) => `replace(${text}, '${sign}', '\\${sign}')`,
    pattern,
  );
  return `replace(${plain}, '*', '%')`;
}
