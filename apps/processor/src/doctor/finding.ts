/** What of Tracer's surroundings was looked at. */
export type Area = "configuration" | "data" | "database" | "schema" | "clock" | "port" | "channel";

export interface Checked {
  readonly area: Area;
  /** Which of several, such as a channel's name; "" when there is only one. */
  readonly name: string;
  /** `warning`: Tracer works, or it could not be found out. */
  readonly state: "ok" | "warning" | "failed";
  readonly detail: string;
  /** What to do about it; null when nothing, or nothing is known to help. */
  readonly fix: string | null;
}

/** For a person: a line each, and its fix below. */
export function checkedText({ area, name, state, detail, fix }: Checked): string {
  const what = name === "" ? area : `${area} ${name}`;
  const line = `${state.padEnd(7)}  ${what}: ${detail}\n`;
  return fix === null ? line : `${line}         fix: ${fix}\n`;
}
