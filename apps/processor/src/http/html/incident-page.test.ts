import { aDeliveryTask } from "@tracer/testkit";
import { expect, test } from "vitest";
import { type DeliveryInFull, type IncidentInFull, incidentBody } from "./incident-page.ts";

const HOSTILE = `"><img src=x onerror=alert(1)><script>alert(2)</script>'\u202e\u001b[31m`;
const AT = "2026-01-05T14:05:09.123Z";

function anIncident(more: Partial<IncidentInFull> = {}): IncidentInFull {
  const { incident } = aDeliveryTask("open");
  const delivery: DeliveryInFull = {
    ...{ id: "1", incidentId: incident.id, channel: "slack", action: "open", state: "sent" },
    ...{ attempts: 2, createdAt: AT, sentAt: AT, lastError: null },
    tries: [
      { startedAt: AT, endedAt: AT, outcome: "retry", reason: "rate_limited" },
      { startedAt: AT, endedAt: AT, outcome: "sent", reason: null },
    ],
  };
  return { ...incident, deliveries: [delivery], ...more };
}

test("it says what, since when, how bad, what was sent and what the provider answered", () => {
  const incident = anIncident();
  const html = incidentBody(incident);
  expect(html).toContain(incident.title);
  expect(html).toContain(incident.severity);
  expect(html).toContain(incident.openedAt.slice(0, 19).replace("T", " "));
  expect(html).toContain("2026-01-05 14:05:09 retry rate_limited");
  expect(html).toContain("open sent to slack");
  expect(html).toContain('<svg class="band-chart"');
  for (const line of incident.exemplars)
    expect(html).toContain(line.replaceAll("<", "&lt;").replaceAll(">", "&gt;"));
});

test("whatever a log, a key or a channel is named: it stays text", () => {
  const { evidence } = anIncident();
  const [delivery] = anIncident().deliveries;
  const html = incidentBody(
    anIncident({
      ...{ title: HOSTILE, service: HOSTILE, environment: HOSTILE, part: HOSTILE },
      ...{ exemplars: [HOSTILE], ackedAt: AT, ackedBy: HOSTILE },
      deploy: { version: HOSTILE, at: AT },
      evidence: {
        ...evidence,
        sentence: HOSTILE,
        templates: [{ text: HOSTILE, level: "error", before: 0, now: 1, isNew: true }],
      },
      deliveries:
        delivery === undefined
          ? []
          : [
              {
                ...delivery,
                ...{ channel: HOSTILE, lastError: HOSTILE },
                tries: [{ startedAt: AT, endedAt: null, outcome: null, reason: HOSTILE }],
              },
            ],
    }),
  );
  expect(html).not.toMatch(/<img|<script|\p{Cf}|\p{Cc}/u);
  expect(html.match(/&lt;script&gt;/g)?.length).toBeGreaterThan(9);
});

test("nothing known, nothing sent: no NaN, no empty table", () => {
  const { evidence } = anIncident();
  const html = incidentBody(
    anIncident({
      deliveries: [],
      exemplars: [],
      evidence: {
        ...evidence,
        sparkline: [],
        ratio: null,
        z: null,
        ewma: null,
        rateOfChange: null,
      },
    }),
  );
  expect(html).not.toMatch(/NaN|Infinity|undefined|null/);
  expect(html).toContain("Nothing was sent about it.");
});
