import { expect, test } from "vitest";
import { parseSettings, unknownChannels } from "./read.ts";
import { PATTERNS_MAX } from "./schema.ts";

const GOOD = `
channels:
  payments:
    kind: slack-webhook
    url: { env: PAYMENTS_WEBHOOK }
    quiet_hours: { time_zone: Europe/Berlin, from: "22:00", to: "07:00", days: [sat, sun] }
  oncall: { kind: pagerduty, routing_key: { file: /run/secrets/pagerduty } }
routes:
  - when: { service: [checkout-*, payments], severity: error }
    channels: [payments, oncall]
  - channels: [payments]
fallback: { channel: payments }
services:
  - when: { service: batch-* }
    ignore: latency
    severity: { error: warning }
redaction:
  - pattern: 'order-\\d+'
`;

test("everything that the file can say", () => {
  expect(parseSettings(GOOD)).toMatchObject({
    problems: [],
    settings: {
      channels: {
        payments: { kind: "slack-webhook", url: { env: "PAYMENTS_WEBHOOK" } },
        oncall: { kind: "pagerduty" },
      },
      routes: [
        { when: { service: ["checkout-*", "payments"], severity: "error" }, continue: false },
        { when: {}, channels: ["payments"] },
      ],
      fallback: { channel: "payments", after_seconds: 300 },
      services: [{ when: { service: ["batch-*"] }, ignore: ["latency"] }],
      redaction: [{ pattern: "order-\\d+", replace: "‹redacted›" }],
    },
  });
  for (const empty of ["", "# nothing\n", "{}"]) {
    expect(parseSettings(empty).settings).toMatchObject({ routes: [], channels: {} });
  }
});

test.each([
  ["chanels: {}", "line 1, chanels: is not known here; did you mean channels?"],
  [
    "routes:\n  - channels: [a]\n    wen: {}",
    "line 3, routes[0].wen: is not known here; did you mean when?",
  ],
  [
    "routes:\n  - channels: [a]\n    when:\n      severity: high",
    "line 4, routes[0].when.severity: must be info, warning, error, critical",
  ],
  ["channels:\n  Slack: { kind: console }", "line 2, channels.Slack: must be small letters"],
  ["channels:\n  a:\n    kind: slak", "line 3, channels.a.kind: must be slack, slack-webhook"],
  ["channels:\n  a:\n    kind: slack-webhook", "line 2, channels.a.url: must be text, { env"],
  [
    "channels:\n  a:\n    kind: console\n    quiet_hours:\n      time_zone: Berlin\n      from: 22:00\n      to: '07:00'",
    "line 5, channels.a.quiet_hours.time_zone: is no time zone",
  ],
  ["redaction:\n  - pattern: '('", "line 2, redaction[0].pattern: is no regular expression"],
  ["redaction:\n  - pattern: 'x*'", "line 2, redaction[0].pattern: is no regular expression"],
  ["routes: [", "line 1: "],
  ["a: 1\na: 2", "line 2: Map keys must be unique"],
  ["- 1", "line 1, : "],
])("%j: %s", (text, problem) => {
  const { settings, problems } = parseSettings(text);
  expect(settings).toBeNull();
  expect(problems.join("\n")).toContain(problem);
});

test("a file that unfolds without end is refused", () => {
  const lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"];
  for (let level = 1; level < 9; level += 1) {
    const [name, before] = [String.fromCharCode(97 + level), String.fromCharCode(96 + level)];
    lines.push(`${name}: &${name} [${Array(10).fill(`*${before}`).join(", ")}]`);
  }
  expect(parseSettings(lines.join("\n")).problems).toEqual([
    "the file repeats itself by aliases too often",
  ]);
});

test("bounds: as many patterns as allowed, and one more", () => {
  const patterns = (count: number) => `redaction:\n${"  - pattern: a\n".repeat(count)}`;
  expect(parseSettings(patterns(PATTERNS_MAX)).problems).toEqual([]);
  expect(parseSettings(patterns(PATTERNS_MAX + 1)).problems).toEqual([
    `line 1, redaction: has more than ${PATTERNS_MAX}`,
  ]);
});

test("channels that routes name and nobody made", () => {
  const { settings } = parseSettings(GOOD.replace("[payments, oncall]", "[payment, nobody]"));
  if (settings === null) throw new Error("the file is good");
  expect(unknownChannels(settings, ["payments", "oncall"])).toEqual([
    "routes[0].channels: there is no channel payment; did you mean payments?",
    "routes[0].channels: there is no channel nobody; there are payments, oncall",
  ]);
});
