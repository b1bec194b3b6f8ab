import type { Incident } from "@tracer/core";

export interface LiveCounts {
  readonly recordsTotal: number;
  readonly recordsPerSecond: number;
  readonly services: number;
}

export type LiveEvent =
  | { readonly id: number; readonly name: "counts"; readonly data: LiveCounts }
  | { readonly id: number; readonly name: "incident"; readonly data: Incident };

type Listener = (event: LiveEvent) => void;

/** Changes of incidents that a page which lost its connection can still be told of. */
export const KEPT_EVENTS_MAX = 500;

/** What pages hear: one reading of the database serves all of them, and none is made while nobody listens. */
export class LiveEvents {
  readonly #listeners = new Map<Listener, string>(); // To its project.
  readonly #seen = new Map<string, string>(); // Incident id to what it last looked like.
  readonly #read: () => { recordsTotal: number; services: number };
  #recordsTotal = 0; // As of the last second.
  #recordsPerSecond = 0;
  #nextId = 1;
  readonly #kept: (LiveEvent & { readonly name: "incident" })[] = []; // Oldest first.

  /** `read` tells the counts as they are now. */
  constructor(read: () => { recordsTotal: number; services: number }) {
    this.#read = read;
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  /** Calls `listener` at once with the counts, then with everything new of its project. Returns the way out. */
  listen(project: string, listener: Listener): () => void {
    this.#listeners.set(listener, project);
    listener({ id: this.#nextId, name: "counts", data: this.#counts() });
    this.#nextId += 1;
    return () => this.#listeners.delete(listener);
  }

  /**
   * The changes of a project's incidents after an event, oldest first. Null: some may be forgotten, or the id is of no
   * event, so whoever asks has to look at everything anew.
   */
  since(project: string, id: number): LiveEvent[] | null {
    const isForgotten = this.#kept.length >= KEPT_EVENTS_MAX && id < (this.#kept[0]?.id ?? 0);
    if (isForgotten || id < 0 || id >= this.#nextId) return null;
    return this.#kept.filter((event) => event.id > id && event.data.project === project);
  }

  /** Tells everybody the counts; called once a second. */
  counts(elapsedSeconds: number): void {
    const { recordsTotal } = this.#read();
    const grown = recordsTotal - this.#recordsTotal;
    this.#recordsTotal = recordsTotal;
    this.#recordsPerSecond = elapsedSeconds > 0 ? Math.round(grown / elapsedSeconds) : 0;
    this.#emit({ id: this.#nextId, name: "counts", data: this.#counts() }, null);
  }

  /** Tells what changed among the newest incidents since the last call. */
  incidents(newest: readonly Incident[]): void {
    const ids = new Set(newest.map(({ id }) => id));
    for (const incident of newest) {
      const { state, severity, occurrences, lastSeenAt, ackedAt } = incident;
      const looks = `${state} ${severity} ${occurrences} ${lastSeenAt} ${ackedAt}`;
      if (this.#seen.get(incident.id) === looks) continue;
      this.#seen.set(incident.id, looks);
      this.#emit({ id: this.#nextId, name: "incident", data: incident }, incident.project);
    }
    for (const id of this.#seen.keys()) {
      if (!ids.has(id)) this.#seen.delete(id);
    }
  }

  #counts(): LiveCounts {
    return { ...this.#read(), recordsPerSecond: this.#recordsPerSecond };
  }

  #emit(event: LiveEvent, project: string | null): void {
    this.#nextId += 1;
    if (event.name === "incident" && this.#kept.push(event) > KEPT_EVENTS_MAX) this.#kept.shift();
    for (const [listener, own] of this.#listeners) {
      if (project === null || project === own) listener(event);
    }
  }
}
