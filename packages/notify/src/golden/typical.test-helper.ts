import type { DeliveryTask, Evidence, Incident, TemplateCount } from "@tracer/core";
import { aDeliveryTask } from "@tracer/testkit";

type SampleOverrides = NonNullable<Parameters<typeof aDeliveryTask>[1]>;

export interface Typical {
  /** Of its files. */
  readonly name: string;
  readonly task: DeliveryTask;
}

const LINK = "https://tracer.example.org/i/sample";

function template(text: string, now: number, before: number): TemplateCount {
  return { text, level: "error", before, now, isNew: before === 0 };
}

/** A flat line that rises, or falls, at its end. */
function line(usual: number, now: number, minutes = 4): (number | null)[] {
  const before = Array.from({ length: 30 - minutes }, (_, n) => usual * (1 + ((n * 7) % 5) / 40));
  return [
    ...before,
    ...Array.from({ length: minutes }, (_, n) => now * (0.6 + (0.4 * (n + 1)) / minutes)),
  ];
}

const ERRORS: Partial<Evidence> = {
  ...{ sparkline: line(0.006, 0.124), evidence: 61.4, bar: 13 },
  templates: [
    template("payment gateway timeout after <*> ms for order <*>", 138, 0.2),
    template("retry budget exhausted route=<*>", 19, 0),
  ],
};

function volume(observed: number, expected: number, sentence: string): Partial<Evidence> {
  const ratio = observed / expected;
  return {
    unit: "records_per_minute",
    ...{
      observed,
      peak: observed,
      expected,
      expectedLow: expected * 0.8,
      expectedHigh: expected * 1.2,
    },
    ...{
      ratio,
      z: (ratio - 1) * 12,
      ewma: expected,
      rateOfChange: ratio > 0 ? Math.log(ratio) : null,
    },
    ...{
      evidence: 44.2,
      bar: 13,
      sampleSize: Math.round(expected * 4),
      baselineAgeSeconds: 604_800,
    },
    ...{ sparkline: line(expected, observed), sentence },
  };
}

function a(name: string, action: DeliveryTask["action"], overrides: SampleOverrides): Typical {
  const { incident = {}, ...rest } = overrides;
  const exemplars = incident.exemplars ?? [];
  return {
    name,
    task: aDeliveryTask(action, { link: LINK, ...rest, incident: { ...incident, exemplars } }),
  };
}

/** The ten incidents that people get most, as their channels are told of them. */
export function typicalIncidents(): Typical[] {
  const spike: Partial<Omit<Incident, "evidence">> = {
    exemplars: [
      "payment gateway timeout after 3000 ms for order 8813 user=jane.doe@example.org card=4111 1111 1111 1111",
      "retry budget exhausted route=/checkout",
    ],
    deploy: { version: "1.4.2", at: "2026-11-22T13:59:10.000Z" },
  };
  return [
    a("01-error-spike", "open", { incident: spike, evidence: ERRORS }),
    a("02-escalated", "escalate", {
      seq: 2,
      incident: { ...spike, occurrences: 96, lastSeenAt: "2026-11-22T14:05:40.000Z" },
      evidence: {
        ...ERRORS,
        observed: 0.61,
        peak: 0.66,
        ratio: 101.7,
        z: 44,
        sentence: "61 % of records are errors, 0.6 % expected (101.7×)",
      },
    }),
    a("03-with-a-models-guess", "edit", {
      seq: 3,
      incident: {
        ...spike,
        triage: {
          summary:
            "Payments fail because the gateway answers slower than the client's limit of 3 s.",
          likelyCause: "Version 1.4.2 went live 3 minutes before and lowered the timeout.",
          checks: ["the timeout in 1.4.2", "the gateway's latency", "roll back and compare"],
          confidence: "medium",
          model: "acme/one",
        },
      },
      evidence: ERRORS,
    }),
    a("04-resolved", "resolve", {
      seq: 4,
      incident: { ...spike, occurrences: 212 },
      evidence: { ...ERRORS, peak: 0.66 },
    }),
    a("05-gone-silent", "open", {
      incident: { service: "cart", kind: "volume", part: "drop", title: "cart: gone silent" },
      evidence: {
        ...volume(0, 212, "No records for 2 minutes, 212 a minute expected"),
        ratio: 0,
        z: -14.5,
      },
    }),
    a("06-volume-surge", "open", {
      incident: {
        service: "search",
        kind: "volume",
        part: "surge",
        severity: "warning",
        title: "search: log volume surge",
      },
      evidence: volume(4_120, 380, "4,120 records a minute, 380 expected (10.8×)"),
    }),
    a("07-latency", "open", {
      incident: { service: "api", kind: "latency", severity: "warning", title: "api: latency up" },
      evidence: {
        ...volume(1_840, 210, "p95 is 1.8 s, 210 ms expected (8.8×)"),
        unit: "milliseconds",
        sparkline: line(210, 1_840),
      },
    }),
    a("08-new-message", "open", {
      incident: {
        ...{ service: "auth", kind: "template", part: "5f3a91c2", severity: "error" },
        title: "auth: a message never seen before",
        exemplars: ["signature of token by issuer internal is invalid: key id k-7 unknown"],
      },
      evidence: {
        ...volume(
          14,
          1,
          'Never seen before, 14/min: "signature of token by issuer <*> is invalid: key id <*> unknown"',
        ),
        templates: [
          template("signature of token by issuer <*> is invalid: key id <*> unknown", 14, 0),
        ],
      },
    }),
    a("09-no-logs-at-all", "open", {
      incident: {
        service: "(pipeline)",
        environment: "",
        kind: "pipeline",
        title: "(pipeline): no logs arrive at all",
      },
      evidence: {
        ...volume(0, 900, "No record of any service for 5 minutes; 14 services were sending"),
        bar: 0,
      },
    }),
    a("10-still-open", "repeat", {
      seq: 5,
      incident: {
        ...spike,
        ...{ flapping: true, occurrences: 1_440, lastSeenAt: "2026-11-22T18:02:10.000Z" },
      },
      evidence: ERRORS,
    }),
  ];
}
