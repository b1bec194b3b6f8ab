import { Detector } from "./detector.ts";
import type { DetectorOptions } from "./options.ts";

/** A whole snapshot: the head, then the blocks. */
export function savedParts(detector: Detector): Uint8Array[] {
  const parts = [detector.saveHead()];
  for (let from = 0; from < detector.slotEnd; ) {
    const { bytes, slotEnd } = detector.saveSlots(from);
    parts.push(bytes);
    from = slotEnd;
  }
  return parts;
}

export function restored(
  [head = new Uint8Array(0), ...blocks]: readonly Uint8Array[],
  options: Partial<DetectorOptions>,
): Detector {
  const detector = new Detector(options);
  detector.loadHead(head);
  for (const block of blocks) detector.loadSlots(block);
  return detector;
}
