/** What an action of a bulk request asks for, in the order of `BULK_ACTIONS`. */
export const BULK_ACTIONS = ["index", "create", "update", "delete"] as const;
export const BulkAction = { index: 0, create: 1, update: 2, delete: 3 } as const;

/** What became of one action. `refused`: its document could not be read; `busy`: nothing of the request was taken. */
export const BulkOutcome = { done: 0, refused: 1, busy: 2 } as const;

interface ActionRanges {
  readonly action: number;
  readonly indexStart: number;
  readonly indexEnd: number;
  readonly idStart: number;
  readonly idEnd: number;
}

/** The actions of one bulk request in order, and what became of each: columns, an entry each. */
export class BulkItems {
  /** Index into BULK_ACTIONS. */
  readonly action: number[] = [];
  readonly outcome: number[] = [];
  /** Byte of the body at which a refused document shows to be broken. */
  readonly problemAt: number[] = [];
  // Ranges in the body, inside the quotes of JSON strings; equal: it names none.
  readonly indexStart: number[] = [];
  readonly indexEnd: number[] = [];
  readonly idStart: number[] = [];
  readonly idEnd: number[] = [];

  /** Adds the action whose ranges are those of `line`. */
  add(line: ActionRanges, outcome: number, problemAt: number): void {
    this.action.push(line.action);
    this.outcome.push(outcome);
    this.problemAt.push(problemAt);
    this.indexStart.push(line.indexStart);
    this.indexEnd.push(line.indexEnd);
    this.idStart.push(line.idStart);
    this.idEnd.push(line.idEnd);
  }

  get length(): number {
    return this.action.length;
  }
}
