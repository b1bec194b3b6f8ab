import { ActionWalker } from "./action.ts";
import { BulkAction, type BulkItems, BulkOutcome } from "./items.ts";

/**
 * Lists the actions of a bulk body that nothing is taken of, all as `busy`; its documents are passed over. False: a
 * line that should be an action is none.
 */
export function listBulkActions(bytes: Uint8Array, items: BulkItems): boolean {
  const walker = new ActionWalker(bytes);
  let at = 0;
  for (;;) {
    while (at < bytes.length && (bytes[at] ?? 0) <= 0x20) at += 1;
    if (at >= bytes.length) return true;
    const end = walker.walkAction(at);
    if (end < 0) return false;
    items.add(walker, BulkOutcome.busy, 0);
    at = lineEnd(bytes, end);
    if (walker.action !== BulkAction.delete) at = lineEnd(bytes, at);
  }
}

function lineEnd(bytes: Uint8Array, from: number): number {
  const lineFeed = bytes.indexOf(0x0a, from);
  return lineFeed < 0 ? bytes.length : lineFeed + 1;
}
