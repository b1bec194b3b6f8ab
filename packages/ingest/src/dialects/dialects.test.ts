import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { CreateDecoder } from "../decoder.ts";
import { decode, RECEIPT_MS } from "../test-decode.ts";
import { createCloudflareDecoder } from "./cloudflare.ts";
import { createDatadogDecoder } from "./datadog.ts";
import { createFirehoseDecoder } from "./firehose.ts";
import { createGelfDecoder } from "./gelf.ts";
import { createKubernetesAuditDecoder } from "./kubernetes-audit.ts";
import { createSplunkDecoder, createSplunkRawDecoder } from "./splunk.ts";
import { CUT_OFF_RETRIES_MAX } from "./values.ts";
import { createVercelDecoder } from "./vercel.ts";

const fixture = (name: string) => readFileSync(new URL(`../testdata/${name}`, import.meta.url));
const SECOND = RECEIPT_MS - 1_000;

type Expected = readonly [
  level: string,
  service: string,
  environment: string,
  message: string,
  ms: number,
  latency?: number,
];

const FIXTURES: readonly (readonly [string, CreateDecoder, readonly Expected[]])[] = [
  [
    "datadog/agent.json",
    createDatadogDecoder,
    [
      ["error", "payment", "prod", "payment refused", SECOND],
      ["warn", "orders", "staging", "slow query", SECOND + 1, 812],
      [
        ...(["info", "web", "staging"] as const),
        "2019-11-19T14:37:58,995 INFO [process.name][20081] Hello World",
        RECEIPT_MS,
      ],
    ],
  ],
  [
    "splunk/events.txt",
    createSplunkDecoder,
    [
      ["error", "checkout", "", "card declined", SECOND + 250, 41],
      ["warn", "edge", "prod", "level=warn upstream is slow", SECOND],
      ["fatal", "cart-logs", "", "out of memory", RECEIPT_MS],
      ["info", "unknown", "", "plain line", RECEIPT_MS],
    ],
  ],
  [
    "gelf/messages.txt",
    createGelfDecoder,
    [
      ["fatal", "checkout", "prod", "A short message", SECOND + 307],
      ["error", "web-2", "", "ERROR no level", RECEIPT_MS, 12],
    ],
  ],
  [
    "firehose/cloudwatch.json",
    createFirehoseDecoder,
    [
      ["error", "checkout", "", "2026-06-01T11:59:59.000Z\t8f3c\tERROR\tcard declined", SECOND],
      ["warn", "billing", "", "slow", SECOND + 1],
    ],
  ],
  [
    "vercel/drain.json",
    createVercelDecoder,
    [
      ["error", "shop", "production", "Error: no such order", SECOND],
      ["error", "shop", "production", "GET /cart 502", SECOND + 1],
      ["info", "docs.vercel.app", "", "Build done", SECOND + 2],
    ],
  ],
  [
    "cloudflare/http-requests.txt",
    createCloudflareDecoder,
    [
      ["info", "shop.example.org", "", "GET /cart 200", SECOND, 38],
      ["error", "shop.example.org", "", "POST /pay 522", SECOND],
      ["info", "api.example.org", "", "GET / 404", SECOND],
      ["error", "edge-worker", "", "boom", SECOND],
    ],
  ],
  [
    "kubernetes-audit/event-list.json",
    createKubernetesAuditDecoder,
    [
      [
        ...(["info", "kube-apiserver", ""] as const),
        "list /api/v1/namespaces/shop/pods 200 by system:serviceaccount:shop:deployer",
        ...([SECOND, 250] as const),
      ],
      ["error", "kube-apiserver", "", "create /apis/apps/v1/deployments 500 by jane", SECOND, 10],
      ["info", "kube-apiserver", "", "watch /api/v1/pods?watch=true 200 by jane", SECOND],
      ["fatal", "kube-apiserver", "", "get /api by jane", SECOND],
    ],
  ],
];

test.each(FIXTURES)("%s, record by record, in slices of any size", (name, create, expected) => {
  const body = fixture(name);
  for (const slice of [1, 100, 1e9]) {
    const { rows, report, fatal } = decode(body, {}, slice, create);
    expect(
      rows.map((row) => [
        ...[row.level, row.service, row.environment, row.message, row.timestampMs],
        ...(row.latencyMs === null ? [] : [row.latencyMs]),
      ]),
    ).toEqual(expected);
    expect(report).toMatchObject({ rejected: 0, warningCount: 0 });
    expect(fatal).toBeNull();
  }
});

describe("what is no record, and what is broken", () => {
  const services = (body: string, create: CreateDecoder) => {
    const { rows, report, fatal } = decode(body, {}, 13, create);
    return [rows.length, report.rejected, fatal?.code ?? null];
  };

  test.each([
    ["{}", createDatadogDecoder, [0, 0, null]],
    ["[]", createDatadogDecoder, [0, 0, null]],
    ["", createDatadogDecoder, [0, 0, "BODY_EMPTY"]],
    ['{"content":"test"}', createCloudflareDecoder, [0, 0, null]],
    ['{"messageType":"CONTROL_MESSAGE","logEvents":[{}]}', createFirehoseDecoder, [0, 0, null]],
    ['{"kind":"EventList","items":[]}', createKubernetesAuditDecoder, [0, 0, null]],
    ['{"kind":"Event","items":null,"verb":"get"}', createKubernetesAuditDecoder, [1, 0, null]],
    ['{"event":""}', createSplunkDecoder, [0, 1, "RECORDS_ALL_INVALID"]],
    ['{"x":1}{"event":"a"}', createSplunkDecoder, [1, 1, null]],
    ['[{"message":"a"},{"message":},{"message":"b"}]', createDatadogDecoder, [2, 1, null]],
    ['[{"message":"a"},{"mess', createDatadogDecoder, [1, 1, null]],
    ['[{"message":"a"}', createDatadogDecoder, [1, 1, null]],
    ['{"message":"a"}\n{"message":"b\n{"message":"c"}', createDatadogDecoder, [2, 1, null]],
    ['{"message":"a"} garbage\n{"message":"c"}', createDatadogDecoder, [2, 1, null]],
    ["hello", createDatadogDecoder, [0, 1, "RECORDS_ALL_INVALID"]],
    ["[1,null]", createVercelDecoder, [0, 2, "RECORDS_ALL_INVALID"]],
    ["line one\nERROR two\n", createSplunkRawDecoder, [2, 0, null]],
    ["just text\n", createFirehoseDecoder, [1, 0, null]],
  ])("%s", (body, create, expected) => {
    expect(services(body, create)).toEqual(expected);
  });

  test("many cut-off lines are looked at once each, not again and again to the end", () => {
    const lines = Array.from({ length: 30_000 }, () => '{"message":{"a":1').join("\n");
    const { report } = decode(`${lines}\n{"message":"whole"}`, {}, undefined, createDatadogDecoder);
    expect(report.rejected).toBe(30_000);
    expect(report.accepted).toBe(1);
    expect(CUT_OFF_RETRIES_MAX).toBeLessThan(100);
  });

  test("a record that is too large is refused, and the next one is not", () => {
    const body = `{"message":"${"a".repeat(1_048_576)}"}\n{"message":"b"}`;
    const { rows, report } = decode(body, {}, undefined, createDatadogDecoder);
    expect([rows.length, report.rejected]).toEqual([1, 1]);
  });
});
