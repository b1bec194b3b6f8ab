import { clip, type DeliveryTask, type DigestTask, flatten, severityRank } from "@tracer/core";
import type { Notice } from "../channel.ts";
import { type FactNumbers, isoText, severityWord } from "../facts.ts";
import { plainDigestFactsOf, plainFactsOf } from "../plain-facts.ts";
import { isResolved, linkOf } from "../slack/render.ts";

export const SUMMARY_CHARS_MAX = 1024;
const SOURCE_CHARS_MAX = 255;

/** The same for every event of one incident; a trigger with it updates the open alert. */
export function dedupKeyOf(task: DeliveryTask): string {
  return `tracer:${task.incident.fingerprint}:${task.incident.epoch}`;
}

/** The one alert of all digests of a channel. */
export function stormKeyOf(channel: string): string {
  return clip(`tracer:storm:${channel}`, SOURCE_CHARS_MAX);
}

/**
 * The events of a delivery: its own, unless a digest told of the incident and it never had an alert of its
 * own; and for the end of an incident of a digest what is left of the storm.
 */
export function eventsOf(task: DeliveryTask, channel: string) {
  const own = renderPagerduty(task);
  if (own.event_action !== "resolve" || task.stormOpen === undefined) return [own];
  const { stormOpen: stillOpen, incident } = task;
  const isOwn = task.receipt !== null && task.receipt["digest"] === undefined;
  if (isOwn && stillOpen) return [own];
  const entries = [{ ...incident, action: task.action }];
  const storm = { ...task, id: task.deliveryId, entries, since: incident.openedAt, stillOpen };
  return isOwn ? [own, renderStorm(storm, channel)] : [renderStorm(storm, channel)];
}

/** The event of a digest. Whoever is told that something began is told so even if it is over by now. */
export function renderStorm(task: DigestTask, channel: string) {
  const dedupKey = stormKeyOf(channel);
  const isFiring = task.entries.some(({ action }) => action !== "resolve");
  if (!isFiring && !task.stillOpen) {
    return { event_action: "resolve", dedup_key: dedupKey } as const;
  }
  const facts = plainDigestFactsOf(task);
  const link = linkOf(task);
  const others = isFiring ? "" : "; others are still open";
  const worst = task.entries.toSorted(
    (a, b) => severityRank(b.severity) - severityRank(a.severity),
  );
  return {
    event_action: "trigger",
    dedup_key: dedupKey,
    client: "Tracer",
    ...(link === null
      ? {}
      : { client_url: link, links: [{ href: link, text: "Open incidents in Tracer" }] }),
    payload: {
      summary: clip(`${facts.lockLine}${others}`, SUMMARY_CHARS_MAX),
      source: "Tracer",
      severity: worst[0]?.severity ?? "error",
      timestamp: isoText(task.since),
      class: "storm",
      custom_details: {
        incidents: facts.named,
        ...(facts.rest(facts.named.length) === null
          ? {}
          : { more: facts.rest(facts.named.length) }),
        ...(facts.undelivered === null ? {} : { undelivered: facts.undelivered }),
        digest_id: task.id,
      },
    },
  } as const;
}

/** The body of an event for PagerDuty's Events API v2, without the routing key. */
export function renderPagerduty(task: DeliveryTask) {
  const dedupKey = dedupKeyOf(task);
  if (isResolved(task) && task.action !== "test") {
    return { event_action: "resolve", dedup_key: dedupKey } as const;
  }
  const { incident } = task;
  const facts = plainFactsOf(task);
  const service = clip(flatten(incident.service), SOURCE_CHARS_MAX) || "unknown"; // Required.
  const environment = clip(flatten(incident.environment), SOURCE_CHARS_MAX);
  const link = linkOf(task);
  return {
    event_action: "trigger",
    dedup_key: dedupKey,
    client: "Tracer",
    ...(link === null
      ? {}
      : { client_url: link, links: [{ href: link, text: "Open incident in Tracer" }] }),
    payload: {
      summary: clip(facts.lockLine, SUMMARY_CHARS_MAX),
      source: clip(environment === "" ? service : `${environment}/${service}`, SOURCE_CHARS_MAX),
      // A test must not wake anybody who is woken by severity.
      severity: task.action === "test" ? "info" : incident.severity,
      timestamp: isoText(incident.openedAt),
      component: service,
      group: clip(flatten(incident.project), SOURCE_CHARS_MAX),
      class: facts.kind,
      custom_details: {
        what: facts.sentence,
        ...(facts.notes.length === 0 ? {} : { notes: facts.notes }),
        severity: severityWord(incident.severity),
        ...numberDetails(facts.numbers),
        ...(facts.proof === null
          ? {}
          : { evidence: facts.proof.evidence, sample_size: facts.proof.sampleSize }),
        since: isoText(incident.openedAt),
        occurrences: facts.occurrences,
        ...(facts.sparkline === "" ? {} : { recent_minutes: facts.sparkline }),
        ...(facts.templates.length === 0
          ? {}
          : { messages: facts.templates.map(({ rates, text }) => `${rates}: ${text}`) }),
        example_lines: facts.exemplars,
        ...(facts.undelivered === null ? {} : { undelivered: facts.undelivered }),
        incident_id: incident.id,
      },
    },
  } as const;
}

/** The event that tells of Tracer itself. Whoever tells of the same matter uses the same key. */
export function renderPagerdutyNotice({ key, state, title, text }: Notice) {
  if (state === "over") return { event_action: "resolve", dedup_key: key } as const;
  return {
    event_action: "trigger",
    dedup_key: key,
    client: "Tracer",
    payload: {
      summary: clip(flatten(title), SUMMARY_CHARS_MAX),
      source: "tracer",
      severity: "critical",
      component: "tracer",
      class: key,
      custom_details: { what: flatten(text) },
    },
  } as const;
}

function numberDetails(numbers: FactNumbers | null) {
  if (numbers === null) return {};
  return {
    observed: numbers.observed,
    expected: numbers.expected,
    expected_band: numbers.band,
    ratio: numbers.ratio,
    z: numbers.z,
    ewma: numbers.ewma,
    rate_of_change: numbers.rateOfChange,
    baseline_age: numbers.baselineAge,
    peak: numbers.peak,
  };
}
