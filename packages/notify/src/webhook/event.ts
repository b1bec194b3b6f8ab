import {
  clip,
  type DeliveryAction,
  type DeliveryTask,
  type DigestEntry,
  type DigestTask,
  flatten,
} from "@tracer/core";
import type { Notice } from "../channel.ts";
import { isoText } from "../facts.ts";
import { plainDigestFactsOf, plainFactsOf } from "../plain-facts.ts";
import { linkOf } from "../slack/render.ts";

/** Standard Webhooks asks for bodies under this; ours are by construction (a test holds them to it). */
export const BODY_BYTES_MAX = 20_000;
const NAME_CHARS_MAX = 200;
const ENTRIES_MAX = 40;
/** Of all entries of a digest as JSON; what is around them takes less than the rest. */
const ENTRIES_BYTES_MAX = 16_000;

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
  const facts = plainFactsOf(task);
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

/** Many changes at once; beyond ENTRIES_MAX, or what a body has room for, they are counted, most urgent first. */
export function renderDigestEvent(task: DigestTask) {
  const facts = plainDigestFactsOf(task);
  const incidents: ReturnType<typeof digestEntryOf>[] = [];
  let bytes = 0;
  for (const entry of task.entries.slice(0, ENTRIES_MAX)) {
    const incident = digestEntryOf(entry);
    bytes += Buffer.byteLength(JSON.stringify(incident)) + 1;
    if (bytes > ENTRIES_BYTES_MAX) break;
    incidents.push(incident);
  }
  return {
    type: "incident.digest",
    timestamp: isoText(task.since),
    data: {
      id: task.id,
      summary: facts.lockLine,
      incidents,
      more: facts.rest(incidents.length),
      link: linkOf(task),
    },
  };
}

function digestEntryOf(entry: DigestEntry) {
  return {
    id: entry.id,
    change: TYPES[entry.action],
    service: nameText(entry.service),
    environment: nameText(entry.environment),
    kind: entry.kind,
    severity: entry.severity,
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
