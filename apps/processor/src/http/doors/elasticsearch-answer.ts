import { randomBytes } from "node:crypto";
import { BULK_ACTIONS, type BulkItems, BulkOutcome } from "@tracer/ingest";

export interface BulkAnswerOptions {
  readonly items: BulkItems;
  /** The body that the ranges of `items` are into. */
  readonly bytes: Uint8Array;
  /** Index of actions that name none: from the path. */
  readonly index: string;
  readonly tookMs: number;
  /** The query's `filter_path`, null for everything. */
  readonly filterPath: string | null;
}

/** What Elasticsearch answers to a bulk request, as JSON text: an item for each action, in order. */
export function bulkAnswer(options: BulkAnswerOptions): string {
  const { items, tookMs, filterPath } = options;
  const wants = wantsOf(filterPath);
  const parts: string[] = [];
  if (wants("took")) parts.push(`"took":${Math.max(0, Math.round(tookMs))}`);
  if (wants("errors")) {
    parts.push(`"errors":${items.outcome.some((outcome) => outcome !== BulkOutcome.done)}`);
  }
  const list = itemsOf(options, wants);
  if (list !== null) parts.push(`"items":[${list}]`);
  return `{${parts.join(",")}}`;
}

const RESULTS = ["created", "created", "updated", "deleted"] as const;
const STATUSES = [201, 201, 200, 200] as const;
const SHARDS = '"_shards":{"total":1,"successful":1,"failed":0}';
const ITEM_FIELDS = [
  ...["_index", "_id", "_version", "result", "_shards", "_seq_no", "_primary_term", "status"],
  "error",
] as const;

type Wants = (path: string) => boolean;

function itemsOf(options: BulkAnswerOptions, wants: Wants): string | null {
  const { items, bytes, index } = options;
  const asked = BULK_ACTIONS.map(
    (action) => new Set(ITEM_FIELDS.filter((field) => wants(`items.${action}.${field}`))),
  );
  if (asked.every((fields) => fields.size === 0)) return null;
  const idPrefix = randomBytes(9).toString("base64url");
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const ownIndex = JSON.stringify(index);
  const list: string[] = [];
  for (let at = 0; at < items.length; at += 1) {
    const action = items.action[at] ?? 0;
    const fields = asked[action] ?? new Set<string>();
    const from = items.indexStart[at] ?? 0;
    const to = items.indexEnd[at] ?? 0;
    const idFrom = items.idStart[at] ?? 0;
    const idTo = items.idEnd[at] ?? 0;
    const item = {
      index: from === to ? ownIndex : `"${buffer.toString("utf8", from, to)}"`,
      // Twenty characters, as Elasticsearch makes them.
      id:
        idFrom === idTo
          ? `"${idPrefix}${at.toString(36).padStart(8, "0")}"`
          : `"${buffer.toString("utf8", idFrom, idTo)}"`,
      action,
      sequence: at,
      outcome: items.outcome[at] ?? 0,
      problemAt: items.problemAt[at] ?? 0,
    };
    const text = fields.size === ITEM_FIELDS.length ? wholeItem(item) : someOf(item, fields);
    if (text !== "") list.push(`{"${BULK_ACTIONS[action]}":{${text}}}`);
  }
  return list.length === 0 && items.length > 0 ? null : list.join(",");
}

interface Item {
  /** Both as JSON strings. */
  readonly index: string;
  readonly id: string;
  readonly action: number;
  readonly sequence: number;
  readonly outcome: number;
  readonly problemAt: number;
}

function wholeItem(item: Item): string {
  const { index, id, action, sequence } = item;
  const names = `"_index":${index},"_id":${id}`;
  if (item.outcome !== BulkOutcome.done) {
    return `${names},"status":${statusOf(item)},"error":${errorOf(item)}`;
  }
  return (
    `${names},"_version":1,"result":"${RESULTS[action]}",${SHARDS},` +
    `"_seq_no":${sequence},"_primary_term":1,"status":${statusOf(item)}`
  );
}

function someOf(item: Item, fields: ReadonlySet<string>): string {
  const whole: unknown = JSON.parse(`{${wholeItem(item)}}`);
  if (typeof whole !== "object" || whole === null) return "";
  const kept = Object.entries(whole).filter(([field]) => fields.has(field));
  return kept.length === 0 ? "" : JSON.stringify(Object.fromEntries(kept)).slice(1, -1);
}

function statusOf({ outcome, action }: Item): number {
  if (outcome === BulkOutcome.busy) return 429;
  return outcome === BulkOutcome.refused ? 400 : (STATUSES[action] ?? 200);
}

function errorOf({ outcome, problemAt }: Item): string {
  if (outcome === BulkOutcome.busy) {
    const reason = "Too many bytes are waiting to be counted; nothing of this request was taken.";
    return JSON.stringify({ type: "es_rejected_execution_exception", reason });
  }
  const reason = `The document cannot be read: broken JSON at byte ${problemAt} of the body.`;
  return JSON.stringify({ type: "document_parsing_exception", reason });
}

/** Patterns of one `filter_path` that are looked at, and the names of one. */
const FILTERS_MAX = 50;
const FILTER_NAMES_MAX = 8;

/** Whether a path such as `items.index.status` passes `filter_path`: a comma list with `*` and `**`, `-` excludes. */
function wantsOf(filterPath: string | null): Wants {
  if (filterPath === null || filterPath.trim() === "") return () => true;
  const filters = filterPath.split(",", FILTERS_MAX).map((filter) => filter.trim());
  const namesOf = (filter: string) => filter.split(".", FILTER_NAMES_MAX);
  const wanted = filters.filter((filter) => !filter.startsWith("-")).map(namesOf);
  const unwanted = filters.filter((filter) => filter.startsWith("-"));
  const excluded = unwanted.map((filter) => namesOf(filter.slice(1)));
  return (path) => {
    const names = path.split(".");
    const isWanted = wanted.length === 0 || wanted.some((filter) => passes(filter, names, true));
    return isWanted && !excluded.some((filter) => passes(filter, names, false));
  };
}

/** Whether a filter names a path, or what it lies in, or, with `inside`, something in it. */
function passes(filter: readonly string[], names: readonly string[], inside: boolean): boolean {
  const [part, ...rest] = filter;
  if (part === undefined) return true;
  const [name, ...inner] = names;
  if (name === undefined) return inside;
  if (part === "**") return passes(rest, names, inside) || passes(filter, inner, inside);
  return matches(part, name) && passes(rest, inner, inside);
}

/** One name against a pattern with `*`, by its pieces: no expression that a client could make slow. */
function matches(pattern: string, name: string): boolean {
  const [head = "", ...pieces] = pattern.split("*");
  if (pieces.length === 0) return name === pattern;
  const tail = pieces.pop() ?? "";
  if (!name.startsWith(head) || !name.endsWith(tail) || head.length + tail.length > name.length) {
    return false;
  }
  let at = head.length;
  for (const piece of pieces) {
    at = name.indexOf(piece, at);
    if (at < 0) return false;
    at += piece.length;
  }
  return at <= name.length - tail.length;
}
