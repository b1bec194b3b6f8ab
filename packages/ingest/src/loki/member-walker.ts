import { JsonWalker } from "../json-walker.ts";
import { COLON, COMMA, isText, QUOTE } from "./bytes.ts";

/** Walks members of objects and items of arrays one by one, so that it can stop between them. */
export class MemberWalker extends JsonWalker {
  /** In an array or object: something was there already, so a comma must come before the next. */
  protected several = false;
  // The key read last, inside its quotes.
  protected keyStart = 0;
  protected keyEnd = 0;

  /** From a member's comma or key to its value, or -1. */
  protected memberValue(from: number): number {
    const at = this.itemStart(from);
    if (at < 0) return -1;
    if (this.byte(at) !== QUOTE) return this.fail(at);
    this.keyStart = at + 1;
    this.keyEnd = this.stringEnd(at + 1);
    if (this.keyEnd < 0) return -1;
    const colon = this.space(this.keyEnd + 1);
    if (this.byte(colon) !== COLON) return this.fail(colon);
    return this.space(colon + 1);
  }

  /** From where a comma must be, unless it is the first, to what follows it; -1 when it is not there. */
  protected itemStart(at: number): number {
    if (!this.several) {
      this.several = true;
      return at;
    }
    if (this.byte(at) !== COMMA) return this.fail(at);
    return this.space(at + 1);
  }

  protected keyIs(name: string): boolean {
    return isText(this.bytes, this.keyStart, this.keyEnd, name);
  }

  /** A byte of the body; 0, which is nowhere valid, behind its end. */
  protected byte(at: number): number {
    return at < this.limit ? (this.bytes[at] ?? 0) : 0;
  }
}
