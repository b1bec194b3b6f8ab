import { crc32 } from "node:zlib";
import { fingerprintOf, severityRank } from "@tracer/core";
import { type PendingState, pendingStateSchema } from "../pending-state.ts";

/**
 * A record: marker (3 bytes and the version), length and checksum of what follows (little-endian), and
 * one PendingState as JSON. The marker's first byte is in no UTF-8 text, so no log line can look like a
 * record, and behind a damaged one the next is found.
 */
const MARKER = Buffer.from([0xff, 0x53, 0x50]);
export const SPILL_VERSION = 1;
const HEADER_BYTES = 12;

export function spillRecord(state: PendingState): Buffer {
  return recordOf(SPILL_VERSION, Buffer.from(JSON.stringify(state)));
}

/** For a test of what a newer version leaves. */
export function recordOf(version: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MARKER.copy(header);
  header.writeUInt8(version, 3);
  header.writeUInt32LE(payload.length, 4);
  header.writeUInt32LE(checksumOf(header, payload), 8);
  return Buffer.concat([header, payload]);
}

export interface SpillContent {
  /** One for each fingerprint. */
  readonly states: readonly PendingState[];
  readonly records: number;
  /** Stretches of bytes that are no whole record: cut off, or damaged. */
  readonly damaged: number;
  /** There is a whole record of a newer version of Tracer, which this one cannot read. */
  readonly isNewer: boolean;
}

/** Reads what is left of a spill file. Never throws, whatever the bytes are. */
export function readSpillRecords(bytes: Buffer): SpillContent {
  const schema = pendingStateSchema();
  const byFingerprint = new Map<string, PendingState>();
  let records = 0;
  let damaged = 0;
  let isNewer = false;
  let at = 0;
  while (at < bytes.length) {
    const record = recordAt(bytes, at);
    const state = record?.version === SPILL_VERSION ? parsed(schema, record.payload) : null;
    if (record === null || state === null) damaged += 1;
    if (record !== null && record.version > SPILL_VERSION) isNewer = true;
    if (state !== null) {
      records += 1;
      const fingerprint = fingerprintOf(state.key);
      const older = byFingerprint.get(fingerprint);
      byFingerprint.set(fingerprint, older === undefined ? state : supersede(older, state));
    }
    at = record === null ? nextMarker(bytes, at + 1) : record.end;
  }
  return { states: [...byFingerprint.values()], records, damaged, isNewer };
}

/**
 * One state for each fingerprint, of states that were saved one after the other: each holds what the
 * earlier ones held, so nothing is added up.
 */
export function newestStates(states: readonly PendingState[]): PendingState[] {
  const byFingerprint = new Map<string, PendingState>();
  for (const state of states) {
    const fingerprint = fingerprintOf(state.key);
    const other = byFingerprint.get(fingerprint);
    if (other === undefined) byFingerprint.set(fingerprint, state);
    else if (isNewer(other, state)) byFingerprint.set(fingerprint, supersede(state, other));
    else byFingerprint.set(fingerprint, supersede(other, state));
  }
  return [...byFingerprint.values()];
}

function isNewer(one: PendingState, other: PendingState): boolean {
  if (one.sighting === null || other.sighting === null) return false;
  const laterMs = one.sighting.seenMs - other.sighting.seenMs;
  return laterMs > 0 || (laterMs === 0 && one.clear && !other.clear);
}

function supersede(older: PendingState, newer: PendingState): PendingState {
  return {
    ...newer,
    sighting: worse(older, newer),
    exemplars: newer.exemplars.length > 0 ? newer.exemplars : older.exemplars,
    hasNewText: older.hasNewText || newer.hasNewText,
    occurrences: Math.max(older.occurrences, newer.occurrences),
  };
}

function worse(older: PendingState, newer: PendingState): PendingState["sighting"] {
  if (older.sighting === null || newer.sighting === null) return newer.sighting ?? older.sighting;
  const [before, now] = [older.sighting.severity, newer.sighting.severity];
  return { ...newer.sighting, severity: severityRank(before) > severityRank(now) ? before : now };
}

interface SpillRecord {
  readonly version: number;
  readonly payload: Buffer;
  readonly end: number;
}

/** The whole record that begins here; null when none does. */
function recordAt(bytes: Buffer, at: number): SpillRecord | null {
  if (bytes.length - at < HEADER_BYTES) return null;
  if (!MARKER.equals(bytes.subarray(at, at + MARKER.length))) return null;
  const end = at + HEADER_BYTES + bytes.readUInt32LE(at + 4);
  if (end > bytes.length) return null;
  const payload = bytes.subarray(at + HEADER_BYTES, end);
  const checksum = checksumOf(bytes.subarray(at, at + HEADER_BYTES), payload);
  if (checksum !== bytes.readUInt32LE(at + 8)) return null;
  return { version: bytes.readUInt8(at + 3), payload, end };
}

function nextMarker(bytes: Buffer, from: number): number {
  const at = bytes.indexOf(MARKER, from);
  return at === -1 ? bytes.length : at;
}

/** Of the header, less the checksum itself, and the payload. */
function checksumOf(header: Uint8Array, payload: Uint8Array): number {
  return crc32(payload, crc32(header.subarray(0, 8)));
}

function parsed(
  schema: ReturnType<typeof pendingStateSchema>,
  payload: Buffer,
): PendingState | null {
  try {
    return schema.parse(JSON.parse(payload.toString("utf8")));
  } catch {
    return null; // Whole, and yet not what we write: a defect of ours, counted as damage.
  }
}
