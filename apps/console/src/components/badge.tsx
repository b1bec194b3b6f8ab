/** Silhouettes that tell states apart without colour; each fits a box of 16 by 16. */
const SHAPES = {
  octagon: "M5 1h6l4 4v6l-4 4H5l-4-4V5zM7.2 4v5h1.600V4zM7.2 10.500v1.700h1.600v-1.700z",
  diamond: "M8 .5 15.5 8 8 15.5.5 8zM7.2 4.500v4.300h1.600V4.500zM7.2 10v1.700h1.600V10z",
  triangle: "M8 1l7.5 14H.5zM7.2 6v4.500h1.600V6zM7.2 11.700v1.600h1.600v-1.600z",
  info: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zM7.2 7v5h1.600V7zM7.2 4v1.700h1.600V4z",
  check: "M6.2 13.3 1 8.100l1.9-1.9 3.3 3.3 7-7L15 4.500z",
  ring: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zm0 2a5 5 0 1 1 0 10A5 5 0 0 1 8 3z",
  half: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zm0 2a5 5 0 1 1 0 10z",
  dots: "M1 6.500h3v3H1zM6.5 6.500h3v3h-3zM12 6.500h3v3h-3z",
  dash: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zM4 7h8v2H4z",
  cross:
    "M3.4 1.5 8 6.100l4.6-4.6 1.9 1.900L9.9 8l4.6 4.6-1.9 1.900L8 9.900l-4.6 4.6-1.9-1.900L6.1 8 1.5 3.400z",
  eye: "M8 3C4 3 1.300 6.400.5 8 1.300 9.600 4 13 8 13s6.700-3.400 7.500-5C14.700 6.400 12 3 8 3zm0 2a3 3 0 1 1 0 6 3 3 0 0 1 0-6z",
} as const;

export type Shape = keyof typeof SHAPES;
export type Tone = "critical" | "error" | "warning" | "info" | "good" | "dull";

interface Look {
  readonly shape: Shape;
  readonly tone: Tone;
  readonly word?: string;
}

/** A state as a shape and a word. */
export function Badge({ shape, tone, children }: Look & { readonly children: string }) {
  return (
    <span class={`badge tone-${tone}`}>
      <svg viewBox="0 0 16 16" aria-hidden="true" fill-rule="evenodd">
        <path d={SHAPES[shape]} />
      </svg>
      {children}
    </span>
  );
}

const SEVERITIES: Readonly<Record<string, Look>> = {
  critical: { shape: "octagon", tone: "critical" },
  error: { shape: "diamond", tone: "error" },
  warning: { shape: "triangle", tone: "warning" },
  info: { shape: "info", tone: "info" },
};
const SERVICE_STATES: Readonly<Record<string, Look>> = {
  firing: { shape: "diamond", tone: "critical" },
  silent: { shape: "dash", tone: "warning" },
  watch: { shape: "eye", tone: "warning" },
  learning: { shape: "dots", tone: "dull" },
  ok: { shape: "check", tone: "good" },
};
const CHANNEL_STATES: Readonly<Record<string, Look>> = {
  ok: { shape: "check", tone: "good" },
  failing: { shape: "triangle", tone: "critical" },
  needs_reconnect: { shape: "triangle", tone: "critical", word: "needs to be connected again" },
  disabled: { shape: "dash", tone: "warning" },
  unused: { shape: "ring", tone: "dull", word: "not used yet" },
};
const DELIVERY_STATES: Readonly<Record<string, Look>> = {
  sent: { shape: "check", tone: "good" },
  pending: { shape: "dots", tone: "dull" },
  dead: { shape: "cross", tone: "critical", word: "given up" },
};
const SILENCE_STATES: Readonly<Record<string, Look>> = {
  active: { shape: "dash", tone: "info" },
  pending: { shape: "dots", tone: "dull", word: "not begun" },
  expired: { shape: "ring", tone: "dull", word: "over" },
};
const KEY_STATES: Readonly<Record<string, Look>> = {
  active: { shape: "check", tone: "good", word: "in force" },
  expired: { shape: "ring", tone: "dull" },
  revoked: { shape: "cross", tone: "dull" },
};
const TABLES = {
  severity: SEVERITIES,
  service: SERVICE_STATES,
  channel: CHANNEL_STATES,
  delivery: DELIVERY_STATES,
  silence: SILENCE_STATES,
  key: KEY_STATES,
} as const;
const UNKNOWN: Look = { shape: "ring", tone: "dull" };

export function lookOf(of: keyof typeof TABLES, state: string): Look {
  return TABLES[of][state] ?? UNKNOWN;
}

/** The state of a thing, in the words of the glossary. */
export function State({
  of,
  state,
  over = false,
}: {
  readonly of: keyof typeof TABLES;
  readonly state: string;
  /** It is history: no colour. */
  readonly over?: boolean;
}) {
  const { shape, tone, word = state } = lookOf(of, state);
  return (
    <Badge shape={shape} tone={over ? "dull" : tone}>
      {word.slice(0, 40)}
    </Badge>
  );
}
