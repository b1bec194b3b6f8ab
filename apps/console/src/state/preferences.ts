import { type Signal, signal } from "@preact/signals";

export const THEMES = ["auto", "light", "dark"] as const;

export type Theme = (typeof THEMES)[number];

/** What this device remembers. Where storage is forbidden it lasts as long as the page. */
export interface Preferences {
  readonly theme: Signal<Theme>;
  /** Whether single keys do something. */
  readonly keyboard: Signal<boolean>;
  /** Writes both to the device, and the theme to the document. */
  readonly apply: () => void;
}

export function createPreferences(): Preferences {
  const stored = read("tracer.theme");
  const theme = signal<Theme>(THEMES.find((each) => each === stored) ?? "auto");
  const keyboard = signal(read("tracer.keys") !== "off");
  return {
    theme,
    keyboard,
    apply: () => {
      write("tracer.theme", theme.value);
      write("tracer.keys", keyboard.value ? "on" : "off");
      const { dataset } = document.documentElement;
      if (theme.value === "auto") delete dataset["theme"];
      else dataset["theme"] = theme.value;
    },
  };
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // As above.
  }
}
