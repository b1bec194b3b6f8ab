import type { RecordBatch } from "../batch.ts";
import type { BodyDecoder, DecodeFatal } from "../decoder.ts";
import { DEPTH_MAX, JsonWalker, RECORD_BYTES_MAX, ValueKind } from "../json-walker.ts";
import type { DecodeContext, DecodeReport } from "../sink.ts";
import { textOf } from "../text.ts";
import { WordTable } from "../words.ts";
import { JsonRecord } from "./json-record.ts";
import { RESOURCE_IDS_END, RESOURCE_TABLE } from "./keys.ts";
import { plainAttributes, shownText } from "./plain.ts";
import { OtlpRows, rangeOf, type TextRange } from "./rows.ts";

/**
 * Walks an ExportLogsServiceRequest in JSON over its bytes, as `ProtobufLogs` does in protobuf: keys in lower
 * camel case or as in the proto files, unknown ones passed over, 64-bit numbers as strings or numbers. Several
 * requests may follow each other, as a collector's file exporter writes them. What is not JSON ends the body:
 * what stood before counts, the rest is one error.
 */
export class JsonLogs extends JsonWalker implements BodyDecoder {
  readonly #rows: OtlpRows;
  readonly #record: JsonRecord;
  readonly #walk: Generator<undefined, void>;
  #at = 0;
  #stop = 0;
  #done = false;
  /** Set once something is broken: every walk ends there. */
  #broken = false;
  #keyStart = 0;
  #keyEnd = 0;

  constructor(bytes: Uint8Array, context: DecodeContext, onBatch: (batch: RecordBatch) => void) {
    super(bytes);
    this.#rows = new OtlpRows(bytes, context, onBatch, 3); // `{},`
    this.#record = new JsonRecord(bytes, this.#rows);
    this.#walk = this.#requests();
  }

  get report(): DecodeReport {
    return this.#rows.sink;
  }

  get text(): Uint8Array {
    return this.#rows.text;
  }

  get fatal(): DecodeFatal | null {
    return this.#done ? this.#rows.fatal : null;
  }

  advance(bytesMax: number): boolean {
    this.#stop = this.#at + Math.max(1, bytesMax);
    if (!this.#done && this.#walk.next().done === true) this.#done = true;
    this.#rows.sink.flush();
    return this.#done;
  }

  *#requests(): Generator<undefined, void> {
    const { bytes } = this;
    this.limit = bytes.length;
    let at = this.space(bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0);
    while (at < bytes.length && !this.#broken) {
      if (bytes[at] !== BRACE) {
        this.#refuse(at, "Not OTLP logs in JSON: not an object");
        return;
      }
      at = yield* this.#request(at);
      if (at >= 0) at = this.space(at);
    }
  }

  /** An ExportLogsServiceRequest; where it ends. */
  *#request(from: number): Generator<undefined, number> {
    let members = 0;
    let known = false;
    let at = this.#firstMember(from);
    while (at >= 0) {
      members += 1;
      if (REQUEST_KEYS.find(this.bytes, this.#keyStart, this.#keyEnd) < 0) {
        at = this.#passOver(at, 1);
      } else {
        known = true;
        at = yield* this.#each(at, (start) => this.#resource(start));
      }
      at = this.#nextMember(at);
    }
    if (this.#broken) return -1;
    // Unknown members mean nothing, but an object of nothing else is something else.
    if (members > 0 && !known) this.#refuse(from, "Not OTLP logs: it has no resourceLogs");
    return this.position;
  }

  /** The objects of an array, each walked by `walk`, which answers where it ended; where the array ends. */
  *#each(
    from: number,
    walk: (start: number) => Generator<undefined, number>,
  ): Generator<undefined, number> {
    const { bytes } = this;
    if (bytes[from] === LOWER_N) return this.#passOver(from, 1); // null
    if (bytes[from] !== BRACKET) return this.#refuse(from, "An array is expected");
    let at = this.space(from + 1);
    if (bytes[at] === BRACKET_END) return at + 1;
    while (at >= 0) {
      if (bytes[at] !== BRACE) return this.#refuse(at, "An object is expected");
      at = yield* walk(at);
      if (at < 0) return -1;
      this.#at = at;
      if (at >= this.#stop) {
        yield;
      }
      at = this.space(at);
      const next = bytes[at] ?? 0;
      if (next === BRACKET_END) return at + 1;
      at = next === COMMA ? this.space(at + 1) : this.#refuse(at, BROKEN);
    }
    return -1;
  }

  /** A ResourceLogs. Its resource may stand behind its records: then those wait for it. */
  *#resource(from: number): Generator<undefined, number> {
    let scopesAt = -1;
    let resourceAt = -1;
    let at = this.#firstMember(from);
    while (at >= 0) {
      const key = RESOURCE_LOGS_KEYS.find(this.bytes, this.#keyStart, this.#keyEnd);
      if (key === SCOPES && (resourceAt >= 0 || scopesAt >= 0)) {
        this.#readResource(resourceAt);
        at = yield* this.#each(at, (start) => this.#scope(start));
      } else {
        if (key === SCOPES) scopesAt = at;
        if (key === RESOURCE) resourceAt = at;
        at = this.#passOver(at, 3);
      }
      at = this.#nextMember(at);
    }
    const end = this.position;
    // What is broken behind them must not lose the records that stand before it.
    if (scopesAt >= 0) {
      const broken = this.#broken;
      this.#readResource(resourceAt);
      yield* this.#each(scopesAt, (start) => this.#scope(start));
      if (broken) return -1;
    }
    return this.#broken ? -1 : end;
  }

  *#scope(from: number): Generator<undefined, number> {
    let at = this.#firstMember(from);
    while (at >= 0) {
      const isRecords = SCOPE_KEYS.find(this.bytes, this.#keyStart, this.#keyEnd) >= 0;
      at = isRecords ? yield* this.#records(at) : this.#passOver(at, 5);
      at = this.#nextMember(at);
    }
    return this.#broken ? -1 : this.position;
  }

  *#records(from: number): Generator<undefined, number> {
    const { bytes } = this;
    if (bytes[from] === LOWER_N) return this.#passOver(from, 5); // null
    if (bytes[from] !== BRACKET) return this.#refuse(from, "An array is expected");
    let at = this.space(from + 1);
    if (bytes[at] === BRACKET_END) return at + 1;
    while (at >= 0) {
      at = bytes[at] === BRACE ? this.#accept(at) : this.#notAnObject(at);
      if (at < 0) return -1;
      this.#at = at;
      if (at >= this.#stop) {
        yield;
      }
      at = this.space(at);
      const next = bytes[at] ?? 0;
      if (next === BRACKET_END) return at + 1;
      at = next === COMMA ? this.space(at + 1) : this.#refuse(at, BROKEN);
    }
    return -1;
  }

  #accept(at: number): number {
    const outcome = this.#record.accept(at);
    const end = this.#record.position;
    if (outcome === "record") return end;
    if (outcome === "cut_off") return this.#refuse(this.bytes.length, BROKEN);
    if (outcome === "too_deep") {
      return this.#refuse(end, `A record is nested deeper than ${DEPTH_MAX} levels`);
    }
    if (outcome === "too_large") {
      return this.#refuse(at, `A record is larger than ${RECORD_BYTES_MAX} bytes`);
    }
    return this.#refuse(end, BROKEN);
  }

  #notAnObject(at: number): number {
    const end = this.#passOver(at, 6);
    if (end >= 0) this.#rows.reject(at, "Not a JSON object.", "record");
    return end;
  }

  #readResource(at: number): void {
    const attributes: (TextRange | null)[] = new Array(RESOURCE_IDS_END).fill(null);
    if (at >= 0) {
      const resource: unknown = JSON.parse(textOf(this.bytes, at, this.value(at, 3)));
      for (const [key, value] of plainAttributes(resource)) {
        const range = rangeOf(key);
        const id = RESOURCE_TABLE.find(range.bytes, 0, range.end);
        if (id >= 0) attributes[id] = rangeOf(shownText(value));
      }
    }
    this.#rows.resource(attributes);
  }

  /** The value of the first member of the object at `at`; -1 when it has none: then `position` is its end. */
  #firstMember(at: number): number {
    if (at < 0) return -1;
    const first = this.space(at + 1);
    if (this.bytes[first] !== BRACE_END) return this.#key(first);
    this.position = first + 1;
    return -1;
  }

  /** The value of the next member, from behind the one before; -1 as `#firstMember`. */
  #nextMember(from: number): number {
    if (from < 0) return -1;
    const at = this.space(from);
    const next = this.bytes[at] ?? 0;
    if (next === COMMA) return this.#key(this.space(at + 1));
    if (next !== BRACE_END) return this.#refuse(at, BROKEN);
    this.position = at + 1;
    return -1;
  }

  #key(at: number): number {
    const { bytes } = this;
    const keyEnd = bytes[at] === QUOTE ? this.stringEnd(at + 1) : -1;
    if (keyEnd < 0) return this.#refuse(at, BROKEN);
    this.#keyStart = at + 1;
    this.#keyEnd = this.valueKind === ValueKind.escaped ? at + 1 : keyEnd;
    const colon = this.space(keyEnd + 1);
    if (bytes[colon] !== COLON) return this.#refuse(colon, BROKEN);
    return this.space(colon + 1);
  }

  #passOver(at: number, depth: number): number {
    const end = this.value(at, depth);
    return end < 0 ? this.#refuse(this.position, BROKEN) : end;
  }

  #refuse(at: number, reason: string): -1 {
    if (!this.#broken) {
      const cut = at >= this.bytes.length;
      const text = cut
        ? "The body is cut off: the JSON does not come to its end."
        : `${reason} (byte ${at}).`;
      this.#rows.reject(Math.min(at, this.bytes.length), text, cut ? "cut_off" : "frame");
    }
    this.#broken = true;
    return -1;
  }
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BRACKET = 0x5b;
const BRACKET_END = 0x5d;
const LOWER_N = 0x6e;
const BRACE = 0x7b;
const BRACE_END = 0x7d;
const BROKEN = "Broken JSON";
const RESOURCE = 0;
const SCOPES = 1;
const REQUEST_KEYS = new WordTable([["resourceLogs", 0] as const, ["resource_logs", 0] as const]);
const RESOURCE_LOGS_KEYS = new WordTable([
  ...[["resource", RESOURCE] as const, ["scopeLogs", SCOPES] as const],
  ["scope_logs", SCOPES],
]);
const SCOPE_KEYS = new WordTable([["logRecords", 0] as const, ["log_records", 0] as const]);
