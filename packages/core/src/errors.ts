/** Every code that the outside can meet. Documented in docs/operations.md, never reused. */
export type ErrorCode =
  | "CONFIG_INVALID"
  | "PORT_IN_USE"
  | "DATA_DIR_LOCKED"
  | "DATA_DIR_UNUSABLE"
  | "DATABASE_UNAVAILABLE"
  | "EMBEDDED_UNSUPPORTED"
  | "MIGRATION_FAILED"
  | "SNAPSHOT_INVALID"
  | "CHANNEL_UNKNOWN"
  | "CONNECT_FAILED"
  | "BODY_EMPTY"
  | "BODY_NOT_LOGS"
  | "BODY_TOO_LARGE"
  | "BODY_INFLATES_TOO_MUCH"
  | "BODY_CUT_OFF"
  | "ENCODING_INVALID"
  | "ENCODING_UNKNOWN"
  | "RECORDS_ALL_INVALID"
  | "BODY_TOO_SLOW"
  | "HEADERS_TOO_MANY"
  | "INGEST_BUSY"
  | "RATE_LIMITED"
  | "BACKTEST_BUSY"
  | "SHUTTING_DOWN"
  | "KEY_MISSING"
  | "KEY_INVALID"
  | "KEY_ATTEMPTS"
  | "KEY_FORBIDDEN"
  | "ORIGIN_FORBIDDEN"
  | "HOST_FORBIDDEN"
  | "INPUT_INVALID"
  | "NOT_FOUND"
  | "LISTENERS_FULL"
  | "INTERNAL";

/** A failure we expect. `code` is public: documented, tested, never reused. `details` is safe to show. */
export class TracerError extends Error {
  override readonly name = "TracerError";
  readonly code: ErrorCode;
  readonly details: unknown;
  constructor(code: ErrorCode, message: string, options?: ErrorOptions & { details?: unknown }) {
    super(message, options); // `options.cause` keeps what really happened.
    this.code = code;
    this.details = options?.details;
  }
}
