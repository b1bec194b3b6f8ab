import { afterEach, describe, expect, test, vi } from "vitest";
import { RecordBatch } from "./batch.ts";
import { SeriesDirectory } from "./directory.ts";
import { createLogsDecoder } from "./logs.ts";
import type { DecodeContext } from "./sink.ts";
import { RECEIPT_MS } from "./test-decode.ts";
import { createWasmScanner } from "./wasm-scanner.ts";

interface TestContext extends DecodeContext {
  readonly directory: SeriesDirectory;
}

interface Result {
  readonly rows: readonly unknown[][];
  readonly accepted: number;
  readonly rejected: number;
}

/** Decodes with a context of the caller's; rows are columns with the names of their slots. */
function decodeWith(body: string | Uint8Array, context: TestContext, sliceBytes = 131_072): Result {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const rows: unknown[][] = [];
  const decoder = createLogsDecoder(bytes, context, (batch) => {
    for (let row = 0; row < batch.length; row += 1) {
      const key = context.directory.key(batch.slot[row] ?? -1);
      const message = [batch.messageStart[row], batch.messageEnd[row]];
      rows.push([
        key?.project,
        key?.environment,
        key?.service,
        batch.timestampMs[row],
        batch.level[row],
        ...message,
      ]);
    }
  });
  while (!decoder.advance(sliceBytes));
  return { rows, accepted: decoder.report.accepted, rejected: decoder.report.rejected };
}

function contextOf(directory: SeriesDirectory, more: Partial<DecodeContext> = {}): TestContext {
  const projectId = directory.project("default");
  return { projectId, defaultService: "unknown", receiptMs: RECEIPT_MS, ...more, directory };
}

/** Compared as text: a deep comparison of thousands of rows takes seconds. */
function textOf(result: Result): string {
  return JSON.stringify(result);
}

/** The same body by the walker and by the scanner, each with a directory of its own. */
function bothWays(
  body: string | Uint8Array,
  more: Partial<DecodeContext> = {},
  sliceBytes?: number,
) {
  const walked = decodeWith(body, contextOf(new SeriesDirectory(), more), sliceBytes);
  const directory = new SeriesDirectory();
  const scanner = createWasmScanner(directory);
  expect(scanner).not.toBeNull();
  const scanned = decodeWith(body, contextOf(directory, { ...more, scanner }), sliceBytes);
  return { walked, scanned };
}

// Milliseconds each, but a machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

describe("the scanner gives what the walker gives", () => {
  const line = (at: number) =>
    `{"time":${RECEIPT_MS - at},"level":"warn","service":"s-${at % 50}","msg":"${"m".repeat(at % 700)}"}`;

  test("bodies of several chunks, whatever the slices; records cut by the end of a chunk", () => {
    const body = Array.from({ length: 3_000 }, (_, at) => line(at)).join("\n");
    expect(body.length).toBeGreaterThan(3 * 262_144);
    for (const sliceBytes of [50_000, 131_072, Number.POSITIVE_INFINITY]) {
      const { walked, scanned } = bothWays(body, {}, sliceBytes);
      expect(walked.accepted).toBe(3_000);
      expect(textOf(scanned) === textOf(walked)).toBe(true);
    }
  });

  test("a record larger than a chunk, between small ones", () => {
    const large = `{"service":"large","msg":"${"x".repeat(400_000)}"}`;
    const { walked, scanned } = bothWays([line(1), large, line(2)].join("\n"));
    expect(walked.accepted).toBe(3);
    expect(textOf(scanned) === textOf(walked)).toBe(true);
  });

  test("a batch with few rows: the chunk is scanned in pieces", () => {
    const body = `[${Array.from({ length: 500 }, (_, at) => line(at)).join(",")}]`;
    const walked = bothWays(body, { batch: new RecordBatch(7) });
    expect(textOf(walked.scanned) === textOf(walked.walked)).toBe(true);
    expect(walked.scanned.accepted).toBe(500);
  });

  test("more records that are declined than are worth trying", () => {
    const odd = (at: number) => `{"level":"banana","time":"once","n":${at}}`;
    const body = Array.from({ length: 400 }, (_, at) => (at < 200 ? odd(at) : line(at))).join("\n");
    const { walked, scanned } = bothWays(body);
    expect(walked.accepted).toBe(400);
    expect(textOf(scanned) === textOf(walked)).toBe(true);
  });

  test("names: many that share places, long ones, ones that are cleaned, none", () => {
    const names = Array.from({ length: 5_000 }, (_, at) => `service-${at}`);
    const odd = ["x".repeat(44), "x".repeat(45), "y".repeat(300), "a\u200bb", "\u00e9", " ", ""];
    const records = [...names, ...odd, ...names.slice(0, 50), ...odd].map((service) =>
      JSON.stringify({ service, env: service.length % 3 === 0 ? "prod" : "" }),
    );
    const { walked, scanned } = bothWays(`${records.join("\n")}\n{}\n{"env":"prod"}`);
    expect(walked.accepted).toBe(records.length + 2);
    expect(textOf(scanned) === textOf(walked)).toBe(true);
  });
});

describe("one scanner, many bodies", () => {
  const body = '{"service":"a"}\n{"service":"a"}\n{"msg":"m"}';

  test("each with its own project and defaults", () => {
    const directory = new SeriesDirectory();
    const scanner = createWasmScanner(directory);
    const services = (project: string, defaultService: string, defaultEnvironment: string) =>
      decodeWith(body, {
        ...contextOf(directory, { scanner, defaultService, defaultEnvironment }),
        projectId: directory.project(project),
      }).rows.map((row) => row.slice(0, 3).join("/"));
    expect(services("p", "d", "")).toEqual(["p//a", "p//a", "p//d"]);
    expect(services("q", "d", "")).toEqual(["q//a", "q//a", "q//d"]);
    expect(services("q", "e", "prod")).toEqual(["q/prod/a", "q/prod/a", "q/prod/e"]);
    expect(services("p", "x".repeat(200), "prod")[2]).toBe(`p/prod/${"x".repeat(200)}`);
  });

  test("a slot that was given to another series is not believed", () => {
    const directory = new SeriesDirectory();
    const scanner = createWasmScanner(directory);
    const context = contextOf(directory, { scanner });
    expect(decodeWith('{"service":"gone"}', context).rows[0]?.[2]).toBe("gone");
    directory.release(directory.find({ project: "default", environment: "", service: "gone" }));
    expect(decodeWith('{"service":"new"}', context).rows[0]?.[2]).toBe("new");
    expect(decodeWith('{"service":"gone"}', context).rows[0]?.[2]).toBe("gone");
  });

  test("what finds no room is counted each time", () => {
    const directory = new SeriesDirectory({ seriesMax: 1 });
    const scanner = createWasmScanner(directory);
    const many = Array.from({ length: 10 }, () => '{"service":"b"}').join("\n");
    const { rows } = decodeWith(`{"service":"a"}\n${many}`, contextOf(directory, { scanner }));
    expect(rows.map((row) => row[2])).toEqual([
      "a",
      ...Array.from({ length: 10 }, () => "(other)"),
    ]);
    expect(directory.overflowed).toBe(10);
  });

  test("one of another directory is not used", () => {
    const directory = new SeriesDirectory();
    const scanner = createWasmScanner(new SeriesDirectory());
    expect(decodeWith(body, contextOf(directory, { scanner })).rows[0]?.[2]).toBe("a");
  });
});

describe("where WebAssembly is off", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  test("there is no scanner, and the walker does all", () => {
    vi.stubGlobal("WebAssembly", undefined);
    const directory = new SeriesDirectory();
    const scanner = createWasmScanner(directory);
    expect(scanner).toBeNull();
    expect(decodeWith("{}\n{}", contextOf(directory, { scanner })).accepted).toBe(2);
  });

  test("an engine that does not know its instructions", () => {
    const refuse = class {
      constructor() {
        throw new Error("invalid opcode");
      }
    };
    vi.stubGlobal("WebAssembly", { Module: refuse });
    expect(createWasmScanner(new SeriesDirectory())).toBeNull();
  });
});
