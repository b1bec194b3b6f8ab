import fc from "fast-check";

/** For tests: ExportLogsServiceRequests as objects in the shape of OTLP's JSON, all kinds of oddities included. */
const text = fc.oneof(
  fc.constantFrom(
    "request done",
    "ERROR it broke",
    "[warn] slow",
    "level=error x",
    "",
    " ",
    'é\n"q"\\',
  ),
  fc.string({ unit: "binary", maxLength: 12 }).map((value) => value.toWellFormed()),
  fc.string({ minLength: 126, maxLength: 130 }),
  fc.integer({ min: 2040, max: 2060 }).map((length) => "é".repeat(length / 2)),
);
const keys = fc.constantFrom(
  ..."duration_ms latency_ms elapsed_ms responseTime metadata.latency duration latency".split(" "),
  ..."service.name deployment.environment.name deployment.environment env environment".split(" "),
  ..."level severity severity_text lvl loglevel log.level message msg exception.message".split(" "),
  ..."event.name http.route body text log event pid thread.name service __proto__ x".split(" "),
);
const resourceKeys = fc.constantFrom(
  ..."service.name k8s.deployment.name k8s.statefulset.name k8s.daemonset.name host.name".split(
    " ",
  ),
  ..."k8s.cronjob.name k8s.job.name k8s.container.name container.name".split(" "),
  ..."deployment.environment.name deployment.environment service.version".split(" "),
);
const names = fc.constantFrom(
  ...["shop", "unknown_service", "unknown_service:node", "unknown_services", " ", "", "prod"],
  "n".repeat(240),
);
const levels = fc.constantFrom("warn", "ERROR", "Error2", "banana", "50", "30", " fatal ", "3");
const integers = fc.oneof(
  fc.constantFrom("0", "7", "-3", "50", "150", "9223372036854775807", "-9223372036854775808"),
  fc.integer({ min: -1000, max: 1_000_000 }).map(String),
);
const doubles = fc.constantFrom(0, 1, 0.25, 12.5, -3.5, 1e9, 150);
const anyValue: fc.Memo<object> = fc.memo((depth) => {
  const leaf = fc.oneof(
    text.map((stringValue) => ({ stringValue })),
    names.map((stringValue) => ({ stringValue })),
    levels.map((stringValue) => ({ stringValue })),
    integers.map((intValue) => ({ intValue })),
    doubles.map((doubleValue) => ({ doubleValue })),
    fc.boolean().map((boolValue) => ({ boolValue })),
    fc.constantFrom("aGVsbG8=", "", "/w==").map((bytesValue) => ({ bytesValue })),
    fc.constant({}),
  );
  if (depth <= 1) return leaf;
  const list = fc.array(anyValue(depth - 1), { maxLength: 3 });
  const pairs = fc.array(fc.record({ key: keys, value: anyValue(depth - 1) }), { maxLength: 4 });
  return fc.oneof(
    { weight: 4, arbitrary: leaf },
    { weight: 1, arbitrary: list.map((values) => ({ arrayValue: { values } })) },
    { weight: 2, arbitrary: pairs.map((values) => ({ kvlistValue: { values } })) },
  );
});
const nanoseconds = fc.oneof(
  fc.constantFrom("0", "1780000000123456789", "1780000000999999999", "1780000001000000000"),
  fc.constantFrom("100000000000000000", "18446744073709551615", "1890000000000000000"),
  fc.bigInt({ min: 10n ** 17n, max: 1_790_000_000n * 10n ** 9n }).map(String),
);
const record = fc.record(
  {
    timeUnixNano: nanoseconds,
    observedTimeUnixNano: nanoseconds,
    severityNumber: fc.constantFrom(0, 1, 4, 5, 9, 12, 13, 17, 20, 21, 24, 25, -1, 200),
    severityText: fc.oneof(levels, text),
    body: anyValue(3),
    attributes: fc.array(fc.record({ key: keys, value: anyValue(2) }), { maxLength: 6 }),
    droppedAttributesCount: fc.nat({ max: 1000 }),
    flags: fc.nat({ max: 1 }),
    traceId: fc.constant("W4AttAN3R6GTGsKSMZ5c7g=="),
    spanId: fc.constant("U5xTd44U1qo="),
    eventName: fc.constantFrom("checkout.done", ""),
  },
  { requiredKeys: [] },
);
const scopeLogs = fc.record(
  {
    scope: fc.record({ name: text, version: text }, { requiredKeys: [] }),
    logRecords: fc.array(record, { maxLength: 4 }),
    schemaUrl: text,
  },
  { requiredKeys: [] },
);
const resourceLogs = fc.record(
  {
    resource: fc.record(
      {
        attributes: fc.array(
          fc.record({
            key: resourceKeys,
            value: fc.oneof(
              names.map((stringValue) => ({ stringValue })),
              anyValue(2),
            ),
          }),
          { maxLength: 4 },
        ),
        droppedAttributesCount: fc.nat({ max: 5 }),
      },
      { requiredKeys: [] },
    ),
    scopeLogs: fc.array(scopeLogs, { maxLength: 3 }),
    schemaUrl: text,
  },
  { requiredKeys: [] },
);

export const logsRequests = fc.record({ resourceLogs: fc.array(resourceLogs, { maxLength: 3 }) });
