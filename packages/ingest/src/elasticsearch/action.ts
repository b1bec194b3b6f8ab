import { JsonWalker, ValueKind } from "../json-walker.ts";
import { WordTable } from "../words.ts";
import { BulkAction } from "./items.ts";

const ACTIONS = new WordTable([
  ["index", BulkAction.index],
  ["create", BulkAction.create],
  ["update", BulkAction.update],
  ["delete", BulkAction.delete],
]);
const INDEX = 1;
const ID = 2;
const METADATA = new WordTable([
  ["_index", INDEX],
  ["_id", ID],
]);
const DOC = 1;
const UPSERT = 2;
const UPDATE_MEMBERS = new WordTable([
  ["doc", DOC],
  ["upsert", UPSERT],
]);

/** Walks what is no document in a bulk body: the lines of actions, and the bodies of updates around theirs. */
export class ActionWalker extends JsonWalker {
  /** Index into BULK_ACTIONS. */
  action = 0;
  // Ranges inside quotes; equal for none.
  indexStart = 0;
  indexEnd = 0;
  idStart = 0;
  idEnd = 0;
  /** Where the document of an update begins; -1 for none. */
  docAt = -1;

  /**
   * `{"index":{"_index":"…","_id":"…",…}}` at `at`: where it ends, or -1 with `position` where it is broken. Members
   * behind the action's own mean nothing.
   */
  walkAction(at: number): number {
    this.begin(at, true);
    this.indexStart = this.indexEnd = this.idStart = this.idEnd = 0;
    let found = false;
    const end = this.#members(at, 0, (keyStart, keyEnd, value, depth) => {
      const action = found ? -1 : ACTIONS.find(this.bytes, keyStart, keyEnd);
      if (action < 0) return this.value(value, depth);
      found = true;
      this.action = action;
      if (this.bytes[value] !== BRACE) return this.value(value, depth);
      return this.#members(value, depth, (...member) => this.#metadata(...member));
    });
    if (end >= 0 && !found) return this.fail(at);
    return end;
  }

  /** `{"doc":{…},…}` at `at`: where it ends, or -1. */
  walkUpdate(at: number): number {
    this.begin(at, true);
    this.docAt = -1;
    let upsertAt = -1;
    const end = this.#members(at, 0, (keyStart, keyEnd, value, depth) => {
      if (this.bytes[value] === BRACE) {
        const meaning = UPDATE_MEMBERS.find(this.bytes, keyStart, keyEnd);
        if (meaning === DOC) this.docAt = value;
        else if (meaning === UPSERT) upsertAt = value;
      }
      return this.value(value, depth);
    });
    if (this.docAt < 0) this.docAt = upsertAt;
    return end;
  }

  #metadata(keyStart: number, keyEnd: number, value: number, depth: number): number {
    const meaning = METADATA.find(this.bytes, keyStart, keyEnd);
    const end = this.value(value, depth);
    if (end < 0 || meaning < 0) return end;
    const isText = this.valueKind === ValueKind.string || this.valueKind === ValueKind.escaped;
    if (!isText && this.valueKind !== ValueKind.number) return end;
    const quoted = isText ? 1 : 0;
    if (meaning === INDEX) {
      this.indexStart = value + quoted;
      this.indexEnd = end - quoted;
    } else {
      this.idStart = value + quoted;
      this.idEnd = end - quoted;
    }
    return end;
  }

  /** An object at `at`, with `take` to walk each member's value; where it ends, or -1. */
  #members(at: number, depth: number, take: TakeMember): number {
    const { bytes } = this;
    if (bytes[at] !== BRACE || at >= this.limit) return this.fail(at);
    let next = this.space(at + 1);
    if (bytes[next] === BRACE_END && next < this.limit) return next + 1;
    for (;;) {
      if (bytes[next] !== QUOTE || next >= this.limit) return this.fail(next);
      const keyEnd = this.stringEnd(next + 1);
      if (keyEnd < 0) return -1;
      const colon = this.space(keyEnd + 1);
      if (bytes[colon] !== COLON || colon >= this.limit) return this.fail(colon);
      const end = take(next + 1, keyEnd, this.space(colon + 1), depth + 1);
      if (end < 0) return -1;
      next = this.space(end);
      if (next >= this.limit) return this.fail(next);
      if (bytes[next] === BRACE_END) return next + 1;
      if (bytes[next] !== COMMA) return this.fail(next);
      next = this.space(next + 1);
    }
  }
}

type TakeMember = (keyStart: number, keyEnd: number, value: number, depth: number) => number;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BRACE = 0x7b;
const BRACE_END = 0x7d;
