import fc from "fast-check";
import { expect, test } from "vitest";
import { SeriesDirectory } from "./directory.ts";
import { createLogplexDecoder, createSyslogDecoder } from "./syslog.ts";
import { SYSLOG_MESSAGE_BYTES_MAX, SyslogFramer } from "./syslog-frames.ts";
import { decode, RECEIPT_MS } from "./test-decode.ts";

/** One for all: making one costs more than a case. */
const directory = new SeriesDirectory();
const SEED = 20_261_123;
const LEVELS = ["fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug"];

function framed(messages: readonly Buffer[]): Buffer {
  return Buffer.concat(messages.flatMap((message) => [Buffer.from(`${message.length} `), message]));
}

/** What a framer makes of a stream that comes in these chunks. */
function framesOf(chunks: readonly Uint8Array[]): { frames: string[]; framer: SyslogFramer } {
  const framer = new SyslogFramer();
  const frames: string[] = [];
  const take = (bytes: Uint8Array, start: number, end: number) => {
    frames.push(Buffer.from(bytes.subarray(start, end)).toString("latin1"));
  };
  for (const chunk of chunks) framer.push(chunk, take);
  framer.end(take);
  return { frames, framer };
}

function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((start, index) => bytes.subarray(start, at[index] ?? bytes.length));
}

const word = fc.stringMatching(/^[a-z][a-z0-9_./-]{0,11}$/);
const text = fc
  .stringMatching(/^[a-zA-Z0-9äöü€ .,;'"()=+-]{0,40}$/)
  .map((raw) => `m ${raw}`.trim());
const places = fc.array(fc.nat(5_000), { maxLength: 12 });
const instant = fc.integer({ min: RECEIPT_MS - 86_400_000, max: RECEIPT_MS });

interface Message {
  readonly severity: number;
  readonly name: string | null;
  readonly ms: number | null;
  readonly text: string;
  readonly shape: number;
}

const message: fc.Arbitrary<Message> = fc.record({
  severity: fc.nat(7),
  name: fc.option(word),
  ms: fc.option(instant),
  text,
  shape: fc.nat(3),
});

/** A message as one of four kinds of sender writes it. */
function written({ severity, name, ms, text, shape }: Message): Buffer {
  const iso = ms === null ? null : new Date(ms).toISOString();
  const priority = `<${3 * 8 + severity}>`;
  const tag = name === null ? "" : shape === 1 ? `${name}[17]: ` : `${name}: `;
  if (shape === 0) {
    const data = `[x@1 a="]\\"" b="c"]`;
    return Buffer.from(`${priority}1 ${iso ?? "-"} host ${name ?? "-"} 17 - ${data} \uFEFF${text}`);
  }
  if (shape === 3) {
    return Buffer.from(`${priority}1 ${iso ?? "-"} - ${name ?? "-"} - - - ${text}\n`);
  }
  return Buffer.from(`${priority}${iso === null ? "" : `${iso} host `}${tag}${text}`);
}

function expected({ severity, name, ms, text }: Message) {
  const service = name ?? "unknown";
  return { level: LEVELS[severity], service, timestampMs: ms ?? RECEIPT_MS, message: text };
}

test("whatever sender wrote it and however it was cut, each message is the row that it says", () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 20 }), fc.nat(1), places, (messages, lf, cuts) => {
      const bodies = messages.map(written);
      const stream =
        lf === 1
          ? Buffer.concat(bodies.flatMap((body) => [body, Buffer.from("\n")]))
          : framed(bodies);
      const { frames } = framesOf(cut(stream, cuts));
      const batch = framed(frames.map((frame) => Buffer.from(frame, "latin1")));
      const { rows, report } = decode(batch, { directory }, 97, createSyslogDecoder);
      expect(
        rows.map(({ level, service, timestampMs, message }) => ({
          level,
          service,
          timestampMs,
          message,
        })),
      ).toEqual(messages.map(expected));
      expect(report).toMatchObject({ accepted: messages.length, rejected: 0 });
    }),
    { seed: SEED, numRuns: 150 },
  );
});

const hostile = fc.array(
  fc.oneof(
    fc.constantFrom(
      "<",
      ">",
      "<13>",
      "1 ",
      "12 ",
      "5 <13>",
      "99999999 <",
      "0 ",
      "\n",
      "\0",
      "\r\n",
      "[",
    ),
    fc.constantFrom(
      "]",
      '"',
      "\\",
      ":",
      " ",
      "-",
      "\uFEFF",
      "@cee:",
      "{",
      "}",
      '{"a":',
      "Jun  1 ",
      "11:14:15 ",
    ),
    fc.constantFrom("2026-06-01T11:14:15Z ", "Feb 29 ", "<13>1 ", "[17]", "é", "x".repeat(70)),
    fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
  ),
  { maxLength: 30 },
);

test("the same bytes are the same messages, however they are cut", () => {
  fc.assert(
    fc.property(hostile, places, (parts, cuts) => {
      const stream = Buffer.from(parts.join(""));
      const whole = framesOf([stream]);
      const pieces = framesOf(cut(stream, cuts));
      const bytes = framesOf(Array.from(stream, (byte) => Uint8Array.of(byte)));
      expect(pieces.frames).toEqual(whole.frames);
      expect(bytes.frames).toEqual(whole.frames);
      expect(pieces.framer.clipped).toBe(whole.framer.clipped);
    }),
    { seed: SEED, numRuns: 500 },
  );
});

test("no message breaks a decoder, and each is a row or is named", () => {
  fc.assert(
    fc.property(fc.array(hostile, { maxLength: 6 }), fc.boolean(), (messages, isFramed) => {
      const bodies = messages.map((parts) => Buffer.from(parts.join("")));
      const body = isFramed
        ? framed(bodies.filter(({ length }) => length > 0))
        : Buffer.concat(bodies);
      for (const createDecoder of [createSyslogDecoder, createLogplexDecoder]) {
        const { rows, report, fatal } = decode(body, { directory }, 7, createDecoder);
        expect(rows).toHaveLength(report.accepted);
        for (const row of rows)
          expect(row).toMatchObject({ count: 1, level: expect.stringMatching(/./) });
        for (const row of rows) expect(row.timestampMs).toBeLessThanOrEqual(RECEIPT_MS + 300_000);
        expect(fatal !== null).toBe(createDecoder === createLogplexDecoder && rows.length === 0);
      }
    }),
    { seed: SEED, numRuns: 300 },
  );
});

const names = fc.constantFrom(
  ..."timestamp time ts @timestamp date _time level severity severity_text lvl loglevel".split(" "),
  ..."log.level log severity_number status service service.name app logger container_name".split(
    " ",
  ),
  ..."kubernetes.labels.app kubernetes kubernetes.labels message msg body text event".split(" "),
  ..."duration_ms responseTime metadata.latency metadata duration latency env environment".split(
    " ",
  ),
  ..."deployment.environment deployment pid __proto__".split(" "),
);
const plain = fc.oneof(
  fc.constantFrom<unknown>(
    "error",
    "WARN",
    " info ",
    "banana",
    "ERROR3",
    "",
    " ",
    null,
    true,
    false,
  ),
  fc.constantFrom<unknown>(
    0,
    3,
    7,
    12,
    40,
    60,
    200,
    503,
    1.5,
    -1,
    1_780_000_000,
    1_780_000_000_123,
  ),
  fc.constantFrom<unknown>("503", "17", "12", "0.25", "2026-06-01T11:59:59.25+02:00", "1780000000"),
  fc.constantFrom<unknown>(
    "[error] x",
    "level=warn y",
    "prod",
    "checkout",
    'é\n"',
    "x".repeat(260),
  ),
);
const nested = fc.dictionary(
  fc.constantFrom("name", "level", "labels", "app", "latency", "environment", "labels.app"),
  plain,
  { maxKeys: 3 },
);

test("an object in a message has the fields that POST /logs gives it", () => {
  const records = fc.dictionary(
    names,
    fc.oneof({ weight: 3, arbitrary: plain }, { weight: 1, arbitrary: nested }),
    { maxKeys: 7 },
  );
  fc.assert(
    fc.property(records, (record) => {
      const json = JSON.stringify(record);
      const byLogs = decode(json, { directory });
      const bySyslog = decode(
        framed([Buffer.from(json)]),
        { directory },
        undefined,
        createSyslogDecoder,
      );
      expect(bySyslog.rows).toEqual(byLogs.rows);
      expect(bySyslog.report.warnings).toEqual(byLogs.report.warnings);
    }),
    { seed: SEED, numRuns: 800 },
  );
});

test("a message of the longest kind is whole; one byte more is clipped, and the next one is not harmed", () => {
  const frames = (length: number, counted: boolean) => {
    const long = `<13>${"a".repeat(length - 4)}`;
    const stream = counted
      ? framed([Buffer.from(long), Buffer.from("<13>b")])
      : Buffer.from(`${long}\n<13>b\n`);
    const found = framesOf(cut(stream, [3, 1_000, 65_000]));
    return [found.frames.map((frame) => frame.length), found.framer.clipped];
  };
  for (const counted of [true, false]) {
    expect(frames(SYSLOG_MESSAGE_BYTES_MAX, counted)).toEqual([[SYSLOG_MESSAGE_BYTES_MAX, 5], 0]);
    expect(frames(SYSLOG_MESSAGE_BYTES_MAX + 1, counted)).toEqual([
      [SYSLOG_MESSAGE_BYTES_MAX, 5],
      1,
    ]);
    expect(frames(200_000, counted)).toEqual([[SYSLOG_MESSAGE_BYTES_MAX, 5], 1]);
  }
});

test("a count that nobody can mean ends the stream", () => {
  const { frames, framer } = framesOf([Buffer.from("5 <13>a16777217 <13>b")]);
  expect([frames, framer.broken]).toEqual([["<13>a"], true]);
  expect(framesOf([Buffer.from("5 <13>a16777216 <13>b")]).framer.broken).toBe(false);
});
