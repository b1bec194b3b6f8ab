import { gzipSync, zstdCompressSync } from "node:zlib";

/** How one kind of client sends, and how it is told what was taken. A new door is a new row. */
export interface Dialect {
  readonly name: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The body of `count` records of a service. */
  readonly body: (service: string, count: number) => Buffer;
  /** Records that the answer says were taken, of `sent`; null: none, and the batch is to be sent again. */
  readonly taken: (status: number, text: string, sent: number) => number | null;
}

export const DIALECTS: readonly Dialect[] = [
  logs("ndjson", {}, (lines) => Buffer.from(lines.join("\n"))),
  logs("array", { "content-type": "application/json" }, (lines) =>
    Buffer.from(`[${lines.join(",")}]`),
  ),
  logs("concatenated", {}, (lines) => Buffer.from(lines.join(""))),
  logs("gzip", { "content-encoding": "gzip" }, (lines) => gzipSync(lines.join("\n"))),
  logs("zstd", { "content-encoding": "zstd" }, (lines) => zstdCompressSync(lines.join("\n"))),
];

/** `POST /logs` in one of its shapes. */
function logs(
  name: string,
  headers: Record<string, string>,
  encode: (lines: string[]) => Buffer,
): Dialect {
  return {
    name,
    path: "/logs",
    headers,
    body: (service, count) =>
      encode(Array.from({ length: count }, (_, index) => line(service, index))),
    taken: (status, text) => {
      if (status !== 202) return null;
      const answer: unknown = JSON.parse(text);
      const accepted =
        typeof answer === "object" && answer !== null && "accepted" in answer
          ? answer.accepted
          : null;
      return Number(accepted);
    },
  };
}

/** One record in a hundred warns; none names a time, so that it is never late. */
function line(service: string, index: number): string {
  const level = index % 100 === 0 ? "warn" : "info";
  const message = `order ${index * 7919} placed by customer ${index % 1_000} from the shop`;
  return JSON.stringify({ level, service, message, duration_ms: (index % 90) + 10 });
}
