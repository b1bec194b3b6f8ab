/** How grave a log record is. The index in this list is the number kept in columns: 0 trace … 5 fatal. */
export const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

export type Level = (typeof LEVELS)[number];

/** Column values of the levels. A record counts as an error from `ERROR` up. */
export const LevelIndex = { trace: 0, debug: 1, info: 2, warn: 3, error: 4, fatal: 5 } as const;
