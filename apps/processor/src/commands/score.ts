import { once } from "node:events";
import { MetricDetector } from "@tracer/detect";
import { parseTime } from "@tracer/ingest";
import { bareField, isColumnName, numberOf } from "../backtest/metric-csv.ts";
import { Exit } from "../exit.ts";
import type { CommandContext } from "./context.ts";

/** A row cannot be longer; what is beyond it is not read. */
const ROW_BYTES_MAX = 64 * 1024;
const NEW_LINE = 0x0a;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * CSV `timestamp,value` on stdin, one anomaly score in [0, 1] a row on stdout. A score is written as soon as its row's line
 * has ended, and depends on that row and those before it. A header is no row; every other line is, blank ones included:
 * a row without a readable, finite value scores 0 and teaches nothing. A timestamp that cannot be read counts as that of the row before.
 */
export async function score({ stdin, stdout, stderr, stop }: CommandContext): Promise<Exit> {
  const rows = new RowScores();
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stdin) {
    if (stop.aborted) break;
    const given = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    const bytes: Buffer = rest.length === 0 ? given : Buffer.concat([rest, given]);
    const end = bytes.lastIndexOf(NEW_LINE) + 1;
    rest = bytes.subarray(end, end + ROW_BYTES_MAX);
    const written = rows.read(bytes.subarray(0, end));
    if (written !== "" && !stdout.write(written)) {
      await once(stdout, "drain", { signal: stop }).catch(() => {}); // Nobody reads any more.
    }
  }
  if (rest.length > 0 && !stop.aborted) stdout.write(rows.read(rest));
  const { total, unreadable } = rows;
  if (unreadable > 0) stderr.write(`${unreadable} of ${total} rows had no value to score.\n`);
  return total > 0 && unreadable === total ? Exit.failed : Exit.ok;
}

class RowScores {
  total = 0;
  unreadable = 0;
  readonly #detector = new MetricDetector();
  #isFirst = true;

  /** Takes whole lines, the last one with or without its end; returns a line for each row. */
  read(bytes: Buffer): string {
    let scores = "";
    let start = 0;
    while (start < bytes.length) {
      const lineEnd = bytes.indexOf(NEW_LINE, start);
      const end = lineEnd < 0 ? bytes.length : lineEnd;
      scores += this.#row(bytes.subarray(start, Math.min(end, start + ROW_BYTES_MAX)));
      start = end + 1;
    }
    return scores;
  }

  #row(line: Buffer): string {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    const row = isFirst && line.subarray(0, 3).equals(BYTE_ORDER_MARK) ? line.subarray(3) : line;
    const { time, value } = fieldsOf(row);
    const timestampMs = parseTime(time, 0, time.length);
    if (isFirst && Number.isNaN(timestampMs) && isColumnName(value)) return "";
    this.total += 1;
    const number = numberOf(value);
    if (!Number.isFinite(number)) this.unreadable += 1;
    return `${this.#detector.score(timestampMs, number).toFixed(6)}\n`;
  }
}

/** The first two fields, without quotes and the space around them; further ones are not read. */
function fieldsOf(line: Buffer): { time: Buffer; value: string } {
  const [time = "", value = ""] = line.toString("latin1").split(",", 2);
  return { time: Buffer.from(bareField(time), "latin1"), value: bareField(value) };
}
