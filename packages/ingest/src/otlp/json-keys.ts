import { WordTable } from "../words.ts";

/** Kinds of an AnyValue, beside those of JSON for one without its wrapper. */
export const AnyKind = {
  none: 0,
  text: 1,
  escaped: 2,
  number: 3,
  boolean: 4,
  double: 5,
  made: 6,
} as const;

/** Where the fields of a record lie, by index into the columns. */
export const Field = {
  time: 0,
  observed: 1,
  severity: 2,
  text: 3,
  body: 4,
  name: 5,
  attributes: 6,
} as const;
export const FIELDS_END = 6;
export const FIELD_TABLE = new WordTable([
  ...both("timeUnixNano", "time_unix_nano", Field.time),
  ...both("observedTimeUnixNano", "observed_time_unix_nano", Field.observed),
  ...both("severityNumber", "severity_number", Field.severity),
  ...both("severityText", "severity_text", Field.text),
  ...both("eventName", "event_name", Field.name),
  ["body", Field.body],
  ["attributes", Field.attributes],
]);
export const ANY_TABLE = new WordTable([
  ...both("stringValue", "string_value", AnyKind.text),
  ...both("intValue", "int_value", AnyKind.number),
  ...both("doubleValue", "double_value", AnyKind.double),
  ...both("boolValue", "bool_value", AnyKind.boolean),
  ...both("arrayValue", "array_value", AnyKind.made),
  ...both("kvlistValue", "kvlist_value", AnyKind.made),
  ...both("bytesValue", "bytes_value", AnyKind.made),
]);
export const PAIR_KEY = 0;
export const PAIR_VALUE = 1;
export const PAIR_TABLE = new WordTable([
  ["key", PAIR_KEY] as const,
  ["value", PAIR_VALUE] as const,
]);

function both(camel: string, snake: string, value: number): (readonly [string, number])[] {
  return [[camel, value] as const, [snake, value] as const];
}
