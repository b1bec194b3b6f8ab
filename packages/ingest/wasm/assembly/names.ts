import { NAME_TEXT_BYTES_MAX, NAMES_MAX, names } from "./memory";

/*
 * Slots of the names met lately, so that JavaScript is asked for each once. An entry is good for one project and one
 * generation of the directory: both change when slots may have been given to others.
 */

const PROJECT: usize = 4;
const GENERATION: usize = 8;
const STAMP: usize = 12;
const SERVICE_LENGTH: usize = 16;
const ENVIRONMENT_LENGTH: usize = 18;
const TEXT: usize = 20;

/**
 * Set by `slotOf`: the entry whose slot JavaScript is to fill in (−1 when the names are too long for one), and its
 * stamp, which changes when other names take the entry: then the slot is not theirs.
 */
export let entryIndex: i32 = -1;
export let entryStamp: i32 = 0;

let project: i32 = 0;
let generation: i32 = 0;
let stamps: i32 = 0;

export function beginNames(ofProject: i32, ofGeneration: i32): void {
  project = ofProject;
  generation = ofGeneration;
}

/** The slot of a service in an environment; −1 when JavaScript is to be asked. */
export function slotOf(
  service: usize,
  serviceLength: usize,
  environment: usize,
  environmentLength: usize,
): i32 {
  if (serviceLength + environmentLength > <usize>NAME_TEXT_BYTES_MAX) {
    entryIndex = -1;
    return -1;
  }
  const hash = hashOf(service, serviceLength, hashOf(environment, environmentLength, project));
  const index = <i32>((hash >>> 32) & (NAMES_MAX - 1));
  const entry = names + ((<usize>index) << 6);
  const known =
    load<i32>(entry, PROJECT) === project &&
    load<i32>(entry, GENERATION) === generation &&
    load<u16>(entry, SERVICE_LENGTH) === <u16>serviceLength &&
    load<u16>(entry, ENVIRONMENT_LENGTH) === <u16>environmentLength &&
    isSame(entry + TEXT, service, serviceLength) &&
    isSame(entry + TEXT + serviceLength, environment, environmentLength);
  entryIndex = index;
  if (known) {
    entryStamp = load<i32>(entry, STAMP);
    return load<i32>(entry);
  }
  stamps += 1;
  entryStamp = stamps;
  store<i32>(entry, stamps, STAMP);
  store<i32>(entry, -1);
  store<i32>(entry, project, PROJECT);
  store<i32>(entry, generation, GENERATION);
  store<u16>(entry, <u16>serviceLength, SERVICE_LENGTH);
  store<u16>(entry, <u16>environmentLength, ENVIRONMENT_LENGTH);
  memory.copy(entry + TEXT, service, serviceLength);
  memory.copy(entry + TEXT + serviceLength, environment, environmentLength);
  return -1;
}

function hashOf(start: usize, length: usize, seed: u64): u64 {
  let hash: u64 = seed ^ length;
  let left = length;
  let at = start;
  for (; left >= 8; left -= 8) {
    hash = (hash ^ load<u64>(at)) * 0x9e3779b97f4a7c15;
    hash ^= hash >>> 29;
    at += 8;
  }
  if (left > 0) {
    hash = (hash ^ (load<u64>(at) & (((<u64>1) << (left << 3)) - 1))) * 0x9e3779b97f4a7c15;
    hash ^= hash >>> 29;
  }
  return hash * 0xbf58476d1ce4e5b9;
}

function isSame(text: usize, start: usize, length: usize): bool {
  let left = length;
  let a = text;
  let b = start;
  for (; left >= 8; left -= 8) {
    if (load<u64>(a) !== load<u64>(b)) return false;
    a += 8;
    b += 8;
  }
  if (left === 0) return true;
  return ((load<u64>(a) ^ load<u64>(b)) & (((<u64>1) << (left << 3)) - 1)) === 0;
}
