import { ESCAPE } from "./characters.ts";

/** Characters of a message that are looked at; what follows says little about what kind it is. */
export const LINE_CHARS_MAX = 1_024;
/** Characters in which the last line of a traceback is looked for. */
export const MESSAGE_CHARS_MAX = 4_096;

/** The characters that say what kind a message is: its first line; of a Python traceback, its last. */
export function messageExtent(message: string): readonly [from: number, to: number] {
  let from = 0;
  while (from < message.length && isGap(message.charCodeAt(from))) from += 1;
  const bound = Math.min(message.length, from + LINE_CHARS_MAX);
  if (message.startsWith("Traceback (most recent call last)", from)) {
    const whole = message.trimEnd();
    const start = whole.lastIndexOf("\n") + 1;
    return [start, Math.min(whole.length, start + LINE_CHARS_MAX)];
  }
  const lineEnd = message.indexOf("\n", from);
  return [from, lineEnd < 0 || lineEnd > bound ? bound : lineEnd];
}

function isGap(code: number): boolean {
  return code <= 32 && code !== ESCAPE;
}
