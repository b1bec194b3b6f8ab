// Sentences of the log that one event has several of.

export const CUT_SHORT = {
  write: "Stopping: the database does not take the last signals in time; they are kept on disk.",
  send: "Stopping: messages that are under way are cut off; another processor goes on with them.",
  settle:
    "Stopping: what became of the last messages cannot be written in time; they are looked up before they are sent again.",
  retire: "Stopping: the others cannot be told in time; they notice it after 5 s.",
  snapshot: "Stopping: the last snapshot is not written in time; the one before stays.",
  close: "Stopping: the database is not closed in time; it is left to itself.",
  exit: "Stopping: something hangs; the process ends all the same.",
} as const;

export const GIVEN_UP = {
  silent:
    "Another processor does not tell its counts (an older version?): drops of volume are judged without it.",
  restless:
    "Processors come and go all the time (does one crash?): drops of volume are judged all the same.",
} as const;

export const SYSLOG_LOSS = {
  dropped: "Syslog messages were dropped: they came faster than they can be counted.",
  clipped: "Syslog messages were longer than 64 KiB: they are counted, and their ends are lost.",
  connection_refused: "Syslog connections were refused: there are too many.",
  connection_broken: "Syslog connections were closed: what came made no sense.",
} as const;

export const DROPPED = {
  memory: "Too many signals wait for the database: some are not told.",
  full: "The spill file is full: some signals wait in memory only.",
  disk: "The disk takes no more: some signals wait in memory only.",
} as const;
