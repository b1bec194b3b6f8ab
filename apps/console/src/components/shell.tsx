import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useApp } from "../state/app.ts";
import { THEMES } from "../state/preferences.ts";
import { KeyboardHelp } from "./keyboard.tsx";
import { Link } from "./text.tsx";

const PAGES = [
  { page: "", name: "Overview" },
  { page: "services", name: "Services" },
  { page: "silences", name: "Silences" },
  { page: "channels", name: "Channels" },
  { page: "deliveries", name: "Failed deliveries" },
  { page: "backtest", name: "Backtest" },
  { page: "send", name: "Send logs" },
  { page: "settings", name: "Settings" },
] as const;

/** Pages that are reached from another one of the list. */
const PARENTS: Readonly<Record<string, string>> = { i: "", service: "services" };

/** What surrounds every page: the name, the way around, and whether what it shows is live. */
export function Shell({ children }: { readonly children: ComponentChildren }) {
  const { route } = useApp();
  const { page } = route.value;
  const [isOpen, setOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const place = `${page}/${route.value.id}`;
  useEffect(() => {
    setOpen(false);
    // Whoever cannot see is told where a link has led; the first page is read from its top.
    if (isFirst.current) isFirst.current = false;
    else main.current?.focus({ preventScroll: true });
  }, [place]);
  const current = PARENTS[page] ?? page;
  return (
    <div class="frame">
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="side">
        <div class="side-top">
          <Link to="" class="brand">
            <Mark />
            Tracer
          </Link>
          <LinkState />
          <button
            type="button"
            class="menu-button quiet"
            aria-expanded={isOpen}
            aria-controls="menu"
            onClick={() => setOpen(!isOpen)}
          >
            Menu
          </button>
        </div>
        <div id="menu" class={isOpen ? "menu open" : "menu"}>
          <nav aria-label="Pages">
            <ul>
              {PAGES.map(({ page: to, name }) => (
                <li key={to}>
                  <Link to={to} aria-current={to === current ? "page" : undefined}>
                    {name}
                  </Link>
                </li>
              ))}
            </ul>
          </nav>
          <div class="side-end">
            <ThemeChoice />
            <KeyboardHelp />
          </div>
        </div>
      </header>
      <main id="main" tabIndex={-1} ref={main}>
        {children}
      </main>
    </div>
  );
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M5 19h6l3-11 5 17 3-9 1.5 3H27" />
    </svg>
  );
}

const LINK_WORDS = {
  connecting: "connecting",
  live: "live",
  reconnecting: "reconnecting…",
  locked: "locked",
} as const;

function LinkState() {
  const { link } = useApp();
  return (
    <p class="link-state" id="link-state" data-state={link.value}>
      {LINK_WORDS[link.value]}
    </p>
  );
}

const THEME_WORDS = { auto: "System", light: "Light", dark: "Dark" } as const;

function ThemeChoice() {
  const { theme } = useApp().preferences;
  return (
    <label class="theme">
      <span>Theme</span>
      <select
        value={theme.value}
        onChange={({ currentTarget }) => {
          theme.value = THEMES.find((each) => each === currentTarget.value) ?? "auto";
        }}
      >
        {THEMES.map((each) => (
          <option key={each} value={each}>
            {THEME_WORDS[each]}
          </option>
        ))}
      </select>
    </label>
  );
}
