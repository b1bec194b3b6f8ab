import {
  clip,
  type DeliveryAction,
  type DeliveryTask,
  type DigestTask,
  flatten,
} from "@tracer/core";
import type { Notice } from "../channel.ts";
import { digestFactsOf } from "../digest-facts.ts";
import { factsOf, isoText } from "../facts.ts";
import { linkOf } from "../slack/render.ts";

/** Standard Webhooks asks for bodies under this; ours are by construction (a test holds them to it). */
export const BODY_BYTES_MAX = 20_000;
const NAME_CHARS_MAX = 200;
const ENTRIES_MAX = 40;

const TYPES: Readonly<Record<DeliveryAction, string>> = {
  open: "incident.opened",
  escalate: "incident.escalated",
  repeat: "incident.reminder",
  edit: "incident.updated",
  resolve: "incident.resolved",
  test: "tracer.test",
};

/** What happened to an incident, as JSON. The same on every attempt. Log text in it is redacted and flat. */
export function renderIncidentEvent(task: DeliveryTask) {
  const { incident, action } = task;
  const facts = factsOf(task);
  const { evidence } = incident;
  return {
    type: TYPES[action],
    timestamp: isoText(
      action === "resolve"
        ? incident.resolvedAt
        : action === "open"
          ? incident.openedAt
          : incident.lastSeenAt,
    ),
    data: {
      incident: {
        id: incident.id,
        fingerprint: incident.fingerprint,
        epoch: incident.epoch,
        project: nameText(incident.project),
        environment: nameText(incident.environment),
        service: nameText(incident.service),
        kind: incident.kind,
        part: nameText(incident.part),
        severity: incident.severity,
        state: incident.state,
        title: facts.headline,
        summary: facts.lockLine,
        sentence: facts.sentence,
        openedAt: isoText(incident.openedAt),
        lastSeenAt: isoText(incident.lastSeenAt),
        resolvedAt: incident.resolvedAt === null ? null : isoText(incident.resolvedAt),
        closeReason: incident.closeReason,
        occurrences: incident.occurrences,
        flapping: incident.flapping,
        notes: facts.notes,
        numbers:
          facts.numbers === null
            ? null
            : {
                unit: evidence.unit,
                observed: finite(evidence.observed),
                expected: finite(evidence.expected),
                expectedLow: finite(evidence.expectedLow),
                expectedHigh: finite(evidence.expectedHigh),
                peak: finite(evidence.peak),
                ratio: finite(evidence.ratio),
                z: finite(evidence.z),
              },
        templates: facts.templates,
        exampleLines: facts.exemplars,
        ...(facts.undelivered === null ? {} : { undelivered: facts.undelivered }),
      },
      link: linkOf(task),
    },
  };
}

/** Many changes at once; beyond ENTRIES_MAX they are counted, most urgent first. */
export function renderDigestEvent(task: DigestTask) {
  const facts = digestFactsOf(task);
  const named = task.entries.slice(0, ENTRIES_MAX);
  return {
    type: "incident.digest",
    timestamp: isoText(task.since),
    data: {
      id: task.id,
      summary: facts.lockLine,
      incidents: named.map((entry) => ({
        id: entry.id,
        change: TYPES[entry.action],
        service: nameText(entry.service),
        environment: nameText(entry.environment),
        kind: entry.kind,
        severity: entry.severity,
      })),
      more: facts.rest(named.length),
      link: linkOf(task),
    },
  };
}

/** Something about Tracer itself. */
export function renderNoticeEvent({ key, state, title, text }: Notice) {
  const data = { key, state, title: flatten(title), text: flatten(text) };
  return { type: `tracer.notice.${state}`, data };
}

function nameText(name: string): string {
  return clip(flatten(name), NAME_CHARS_MAX);
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value + 0 : null; // No -0: JSON has none.
}
