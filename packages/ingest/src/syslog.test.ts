import { describe, expect, test } from "vitest";
import { createLogplexDecoder, createSyslogDecoder } from "./syslog.ts";
import { decode, RECEIPT_MS, type Row } from "./test-decode.ts";

// Receipt is 2026-06-01T12:00:00Z; the zone of the process is set per test.

function framed(...messages: (string | Buffer)[]): Buffer {
  return Buffer.concat(
    messages.map((message) => {
      const bytes = Buffer.from(message);
      return Buffer.concat([Buffer.from(`${bytes.length} `), bytes]);
    }),
  );
}

function rowsOf(...messages: (string | Buffer)[]): Row[] {
  return decode(framed(...messages), {}, undefined, createSyslogDecoder).rows;
}

function rowOf(message: string | Buffer): Partial<Row> | undefined {
  const [row] = rowsOf(message);
  return row;
}

/** Runs `check` as if this machine stood in `zone`. */
function inZone(zone: string, check: () => void): void {
  const before = process.env["TZ"];
  process.env["TZ"] = zone;
  try {
    check();
  } finally {
    if (before === undefined) delete process.env["TZ"];
    else process.env["TZ"] = before;
  }
}

const at = (iso: string) => Date.parse(iso);

describe("RFC 5424", () => {
  test.each([
    [
      `<165>1 2026-06-01T11:59:03.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="Application"] \uFEFFAn application event log entry...`,
      ["evntslog", "info", "An application event log entry...", "2026-06-01T11:59:03.003Z"],
    ],
    [
      "<34>1 2026-06-01T11:14:15.003Z mymachine.example.com su - ID47 - 'su root' failed for lonvick on /dev/pts/8",
      ["su", "fatal", "'su root' failed for lonvick on /dev/pts/8", "2026-06-01T11:14:15.003Z"],
    ],
    [
      "<11>1 2026-06-01T13:59:03.000003+02:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
      ["myproc", "error", "%% It's time to make the do-nuts.", "2026-06-01T11:59:03.000Z"],
    ],
    ["<12>1 - - - - - - no header at all", ["unknown", "warn", "no header at all", null]],
    [
      String.raw`<15>1 2026-06-01T11:00:00Z h app 1 - [a b="x \"]\" y"][c@1 d="\\"] after brackets`,
      ["app", "debug", "after brackets", "2026-06-01T11:00:00.000Z"],
    ],
    [
      "<15>1 2026-06-01T11:00:00Z h app 1 - [broken data that never ends",
      ["app", "debug", "[broken data that never ends", "2026-06-01T11:00:00.000Z"],
    ],
    ["<14>1 2026-06-01T11:00:00Z h app", ["app", "info", "", "2026-06-01T11:00:00.000Z"]],
    ["<14>1 2026-06-01T11:00:00Z h app 1 - -", ["app", "info", "", "2026-06-01T11:00:00.000Z"]],
  ])("%s", (message, [service, level, text, time]) => {
    expect(rowOf(message)).toMatchObject({
      ...{ service, level, timestampMs: time == null ? RECEIPT_MS : at(time) },
      message: text === "" ? message : text,
    });
  });

  test("a time that cannot be read is named, and counts at receipt", () => {
    const { rows, report } = decode(
      framed("<14>1 yesterday h app 1 - - text"),
      {},
      undefined,
      createSyslogDecoder,
    );
    expect(rows).toMatchObject([{ timestampMs: RECEIPT_MS, service: "app", message: "text" }]);
    expect(report.warnings).toMatchObject([{ index: 0, field: "timestamp" }]);
  });
});

describe("RFC 3164", () => {
  test.each([
    ["<13>Jun  1 11:14:15 host su: failed", ["su", "info", "failed", "2026-06-01T11:14:15Z"]],
    ["<11>Jun 01 11:14:15 host app[812]: x", ["app", "error", "x", "2026-06-01T11:14:15Z"]],
    ["<11>Jun  1 2026 11:14:15 host app: x", ["app", "error", "x", "2026-06-01T11:14:15Z"]],
    ["<11>Jun  1 11:14:15 2026 host app: x", ["app", "error", "x", "2026-06-01T11:14:15Z"]],
    ["<11>Jun  1 11:14:15.678 host app: x", ["app", "error", "x", "2026-06-01T11:14:15.678Z"]],
    ["<11>Jun  1 13:14:15 +02:00 host app: x", ["app", "error", "x", "2026-06-01T11:14:15Z"]],
    ["<11>Jun  1 11:14:15 UTC: app: x", ["app", "error", "x", "2026-06-01T11:14:15Z"]],
    // What devices write.
    [
      "<189>29: *Jun  1 11:14:15.678 UTC: %SYS-5-CONFIG_I: Configured",
      ["%SYS-5-CONFIG_I", "info", "Configured", "2026-06-01T11:14:15.678Z"],
    ],
    // rsyslog's forward format.
    [
      "<30>2026-06-01T13:14:15.123456+02:00 web-1 postfix/smtpd[9]: connect",
      ["postfix/smtpd", "info", "connect", "2026-06-01T11:14:15.123Z"],
    ],
    ["<30>2026-06-01 11:14:15 web-1 app: x", ["app", "info", "x", "2026-06-01T11:14:15Z"]],
    // Without a host, without a time, without either.
    ["<28>Jun  1 11:14:15 app[1]: x", ["app", "warn", "x", "2026-06-01T11:14:15Z"]],
    ["<28>app[1]: x", ["app", "warn", "x", null]],
    ["<28>app:x", ["app", "warn", "x", null]],
    ["<28>app[1] x", ["app", "warn", "x", null]],
    ["<28>(systemd)[1]: x", ["(systemd)", "warn", "x", null]],
    // No tag: nothing is made up.
    ["<28>connection refused by peer", ["unknown", "warn", "connection refused by peer", null]],
    ["<28>see http://example.org now", ["unknown", "warn", "see http://example.org now", null]],
    ["<28>http://example.org", ["unknown", "warn", "http://example.org", null]],
    ["<28>12:34 text", ["unknown", "warn", "12:34 text", null]],
    [
      "<28>Jun  1 11:14:15 host last message repeated 2 times",
      ["unknown", "warn", "last message repeated 2 times", "2026-06-01T11:14:15Z"],
    ],
    ["<28>Jun  1 11:14:15 2001:db8::1 app: x", ["app", "warn", "x", "2026-06-01T11:14:15Z"]],
    ["<28>app[unclosed: x", ["unknown", "warn", "app[unclosed: x", null]],
    // A line of text.
    ["ERROR something broke", ["unknown", "error", "ERROR something broke", null]],
    ["<999>text", ["unknown", "info", "<999>text", null]],
    ["<>text", ["unknown", "info", "<>text", null]],
    ["<13", ["unknown", "info", "<13", null]],
    ["Jun  1 11:14:15 host app: x", ["app", "info", "x", "2026-06-01T11:14:15Z"]],
  ])("%s", (message, [service, level, text, time]) => {
    inZone("UTC", () => {
      expect(rowOf(message)).toMatchObject({
        ...{ service, level, message: text },
        timestampMs: time == null ? RECEIPT_MS : at(time),
      });
    });
  });

  test("severities", () => {
    const levels = [0, 1, 2, 3, 4, 5, 6, 7].map(
      (severity) => rowOf(`<${8 + severity}>a: x`)?.level,
    );
    expect(levels).toEqual(["fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug"]);
  });

  test("what ends a message is not part of it", () => {
    expect(
      rowsOf("<13>a: x\n", "<13>a: x\r\n", "<13>a: x\0", "<13>a: x\n\0").map((row) => row.message),
    ).toEqual(["x", "x", "x", "x"]);
  });

  test("the zone of the process", () => {
    inZone("America/New_York", () => {
      expect(rowOf("<13>Jun  1 07:14:15 h a: x")?.timestampMs).toBe(at("2026-06-01T11:14:15Z"));
    });
    inZone("Asia/Kolkata", () => {
      expect(rowOf("<13>Jun  1 16:44:15 h a: x")?.timestampMs).toBe(at("2026-06-01T11:14:15Z"));
    });
  });
});

describe("times without a year", () => {
  const timeOf = (message: string, receipt: string) =>
    decode(framed(message), { receiptMs: at(receipt) }, undefined, createSyslogDecoder).rows[0]
      ?.timestampMs;

  test("are of the year nearest to receipt, also around new year", () => {
    inZone("UTC", () => {
      expect(timeOf("<13>Dec 31 23:59:58 h a: x", "2027-01-01T00:00:01Z")).toBe(
        at("2026-12-31T23:59:58Z"),
      );
      // A sender whose clock is a little ahead.
      expect(timeOf("<13>Jan  1 00:00:02 h a: x", "2026-12-31T23:59:59Z")).toBe(
        at("2027-01-01T00:00:02Z"),
      );
      expect(timeOf("<13>Feb 29 12:00:00 h a: x", "2027-01-10T00:00:00Z")).toBe(
        at("2027-01-10T00:00:00Z"), // No year nearby has that day.
      );
      expect(timeOf("<13>Feb 29 12:00:00 h a: x", "2028-03-01T00:00:00Z")).toBe(
        at("2028-02-29T12:00:00Z"),
      );
    });
    inZone("Pacific/Auckland", () => {
      expect(timeOf("<13>Jan  1 12:00:00 h a: x", "2026-12-31T23:00:30Z")).toBe(
        at("2026-12-31T23:00:00Z"),
      );
    });
  });

  test("an hour that comes twice is the turn nearest to receipt", () => {
    inZone("Europe/Berlin", () => {
      expect(timeOf("<13>Oct 25 02:30:00 h a: x", "2026-10-25T00:30:05Z")).toBe(
        at("2026-10-25T00:30:00Z"),
      );
      expect(timeOf("<13>Oct 25 02:30:00 h a: x", "2026-10-25T01:30:05Z")).toBe(
        at("2026-10-25T01:30:00Z"),
      );
    });
  });
});

describe("JSON", () => {
  test("has the fields of POST /logs, and those of the header where it names none", () => {
    const header = "<14>1 2026-06-01T11:00:00Z h app 1 - - ";
    expect(
      rowsOf(
        `${header}{"level":"error","service":"pay","msg":"a \\"b\\"","ts":1780311600000,"duration_ms":7,"env":"prod"}`,
        `${header}@cee: {"msg":"c"}`,
        `${header}@cee:{"level":50}`,
        `${header}\uFEFF{"msg":"d"}`,
        `{"msg":"e","severity":"warn"}`,
        `@cee:{"msg":"ERROR f"}`,
      ),
    ).toMatchObject([
      {
        ...{ level: "error", service: "pay", environment: "prod" },
        message: 'a "b"',
        latencyMs: 7,
        timestampMs: 1780311600000,
      },
      {
        ...{ level: "info", service: "app", environment: "" },
        message: "c",
        timestampMs: at("2026-06-01T11:00:00Z"),
      },
      { level: "error", service: "app", message: '@cee:{"level":50}' },
      { level: "info", service: "app", message: "d" },
      { level: "warn", service: "unknown", message: "e", timestampMs: RECEIPT_MS },
      { level: "error", message: "ERROR f" },
    ]);
  });

  test("that is broken, or no object, is text", () => {
    expect(
      rowsOf(
        `<14>a: {"msg":}`,
        "<14>a: @cee: [1]",
        `<14>a: {"msg":"x"} `,
        `<14>a: {"msg":"x"} y`,
      ).map((row) => row.message),
    ).toEqual([`{"msg":}`, "@cee: [1]", "x", `{"msg":"x"} y`]);
  });

  test("of many messages and batches stays with its row", () => {
    const messages = Array.from(
      { length: 4_200 },
      (_, at) => `<14>a: {"msg":"${"é".repeat(at % 50)}${at}"}`,
    );
    const rows = rowsOf(...messages);
    expect(rows.map(({ message }) => message)).toEqual(
      messages.map((_, at) => `${"é".repeat(at % 50)}${at}`),
    );
  });
});

test("what is no text is refused, and named", () => {
  const { rows, report } = decode(
    framed("<13>a: x", Buffer.from([0x16, 0x03, 0x01, 0x02, 0x41]), "<13>a: y"),
    {},
    undefined,
    createSyslogDecoder,
  );
  expect(rows).toHaveLength(2);
  expect(report.errors).toMatchObject([{ index: 1 }]);
});

describe("logplex", () => {
  // The shape of https://devcenter.heroku.com/articles/log-drains: no structured data.
  test("bodies as Heroku sends them", () => {
    const head = "2026-06-01T11:45:29+00:00 host";
    const body = framed(
      `<40>1 ${head} app web.3 - State changed from starting to up\n`,
      `<190>1 ${head} app web.3 - Error: connect ECONNREFUSED\n`,
      `<158>1 ${head} heroku router - at=info method=GET path="/" status=200 service=21ms\n`,
      `<158>1 ${head} heroku router - at=error code=H12 desc="Request timeout" status=503 service=30000ms\n`,
    );
    const { rows, fatal } = decode(
      body,
      { defaultService: "shop" },
      undefined,
      createLogplexDecoder,
    );
    expect(fatal).toBeNull();
    expect(rows).toMatchObject([
      { service: "shop", level: "info", message: "State changed from starting to up" },
      { service: "shop", level: "error", message: "Error: connect ECONNREFUSED" },
      { level: "info", latencyMs: 21 },
      { level: "error", latencyMs: 30_000 },
    ]);
  });

  test("a bracket begins the message", () => {
    const message = "<190>1 2026-06-01T11:45:29+00:00 host app web.1 - [info] hello";
    const { rows } = decode(framed(message), {}, undefined, createLogplexDecoder);
    expect(rows).toMatchObject([{ service: "app", level: "info", message: "[info] hello" }]);
  });

  test.each([
    ["", "BODY_EMPTY"],
    ["\n", "BODY_EMPTY"],
    ["hello", "RECORDS_ALL_INVALID"],
    ["12 short", "RECORDS_ALL_INVALID"],
    ["99999999999999999999999 x", "RECORDS_ALL_INVALID"],
  ])("%j is not one", (body, code) => {
    expect(decode(body, {}, undefined, createLogplexDecoder).fatal).toMatchObject({ code });
  });
});
