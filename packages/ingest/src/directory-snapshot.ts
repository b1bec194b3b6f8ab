import { TracerError } from "@tracer/core";
import type { SeriesDirectory } from "./directory.ts";

/**
 * The names of the slots in [from, to) as bytes, free slots left out: the part of a snapshot that says whose
 * the slots are. Take it in the same turn as what is kept per slot, or a slot may have changed hands.
 */
export function saveNames(directory: SeriesDirectory, from: number, to: number): Uint8Array {
  const rows: [number, string, string, string, boolean][] = [];
  for (let slot = from; slot < to; slot += 1) {
    const key = directory.key(slot);
    if (key === undefined) continue;
    rows.push([slot, key.project, key.environment, key.service, directory.isOther(slot)]);
  }
  return new TextEncoder().encode(JSON.stringify(rows));
}

/**
 * Gives the slots that `saveNames` wrote to the same series again. Into a directory that was empty before,
 * in ascending order.
 *
 * @throws TracerError SNAPSHOT_INVALID, also when it has not so much room; then throw the directory away.
 */
export function loadNames(directory: SeriesDirectory, bytes: Uint8Array): void {
  for (const row of rowsOf(bytes)) {
    if (!Array.isArray(row)) throw invalid("a service is not a row");
    const [slot, project, environment, service, other]: unknown[] = row;
    if (
      typeof slot !== "number" ||
      typeof project !== "string" ||
      typeof environment !== "string" ||
      typeof service !== "string" ||
      typeof other !== "boolean"
    ) {
      throw invalid("a service has no name");
    }
    if (!directory.restore(slot, { project, environment, service }, other)) {
      throw invalid("its services do not fit, or SERIES_MAX is smaller now");
    }
  }
}

function rowsOf(bytes: Uint8Array): readonly unknown[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw invalid("its names cannot be read", cause);
  }
  if (!Array.isArray(parsed)) throw invalid("its names are not a list");
  return parsed;
}

function invalid(what: string, cause?: unknown): TracerError {
  return new TracerError("SNAPSHOT_INVALID", `The snapshot cannot be used: ${what}.`, { cause });
}
