import type { Pool } from "@tracer/store";
import type { Effect } from "./sink.ts";

interface Member {
  readonly digest: string;
  readonly channel: string;
  readonly service: string;
  readonly severity: string;
  readonly action: string;
}

/** Deliveries that were told together with others. */
export async function readDigestMembers(pool: Pool): Promise<readonly Member[]> {
  const { rows } = await pool.query<Member>(
    `select digest::text, channel, action, incident ->> 'service' as service,
       incident ->> 'severity' as severity
     from outbox where digest is not null`,
  );
  return rows;
}

const OPENED = /Storm: ([\d,]+) incidents? opened(?: \(([\d,]+) critical\))?/;
const NAMED = /(CRITICAL|ERROR|WARNING|INFO) ([\w-]+): /g;
const REST = /… and ([\d,]+) more/;

/**
 * What is wrong with digests of incidents that have begun: each must be named or counted, none twice,
 * the critical ones before the others; those that tell of ends, too, are left out. Service names are letters, digits and hyphens. Empty: nothing.
 */
export function digestProblems(
  members: readonly Member[],
  effects: readonly Pick<Effect, "channel" | "text">[],
): string[] {
  const digests = Map.groupBy(members, ({ digest, channel }) => `${digest} ${channel}`);
  return [...digests].flatMap(([name, these]) => {
    if (these.some(({ action }) => action !== "open")) return [];
    const [digest = "", channel = ""] = name.split(" ");
    const message = effects.find((one) => one.channel === channel && one.text.includes(digest));
    if (message === undefined) return [`digest ${name} was never told`];
    return problemsOf(message.text, these).map((problem) => `digest ${name}: ${problem}`);
  });
}

function problemsOf(text: string, members: readonly Member[]): string[] {
  const problems: string[] = [];
  const critical = members.filter(({ severity }) => severity === "critical").length;
  const counts = OPENED.exec(text);
  if (numberIn(counts?.[1]) !== members.length || numberIn(counts?.[2]) !== critical) {
    problems.push(`"${counts?.[0]}" of ${members.length}, ${critical} of them critical`);
  }
  const bySeverity = new Map(members.map(({ service, severity }) => [service, severity]));
  const named = [...text.matchAll(NAMED)].map(([, word = "", service = ""]) => ({ word, service }));
  const wrong = named.filter(
    ({ word, service }) => bySeverity.get(service)?.toUpperCase() !== word,
  );
  if (wrong.length > 0) problems.push(`${wrong.length} are named that do not belong to it`);
  if (new Set(named.map(({ service }) => service)).size !== named.length) {
    problems.push("some are named twice");
  }
  const rest = numberIn(REST.exec(text)?.[1]);
  if (named.length + rest !== members.length) {
    problems.push(`${named.length} named and ${rest} counted of ${members.length}`);
  }
  const first = named.slice(0, critical);
  if (named.length === 0 || first.some(({ word }) => word !== "CRITICAL")) {
    problems.push("the critical ones do not come first");
  }
  return problems;
}

function numberIn(text: string | undefined): number {
  return text === undefined ? 0 : Number(text.replaceAll(",", ""));
}
