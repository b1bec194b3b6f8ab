import protobuf from "protobufjs";

/** For tests: OTLP's own description of logs and metrics, as far as tests need it (`.proto` files as JSON). */
const VALUES = {
  AnyValue: {
    oneofs: {
      value: {
        oneof: [
          ...["stringValue", "boolValue", "intValue", "doubleValue"],
          ...["arrayValue", "kvlistValue", "bytesValue"],
        ],
      },
    },
    fields: {
      stringValue: { type: "string", id: 1 },
      boolValue: { type: "bool", id: 2 },
      intValue: { type: "int64", id: 3 },
      doubleValue: { type: "double", id: 4 },
      arrayValue: { type: "ArrayValue", id: 5 },
      kvlistValue: { type: "KeyValueList", id: 6 },
      bytesValue: { type: "bytes", id: 7 },
    },
  },
  ArrayValue: { fields: { values: { rule: "repeated", type: "AnyValue", id: 1 } } },
  KeyValueList: { fields: { values: { rule: "repeated", type: "KeyValue", id: 1 } } },
  KeyValue: { fields: { key: { type: "string", id: 1 }, value: { type: "AnyValue", id: 2 } } },
  Resource: {
    fields: {
      attributes: { rule: "repeated", type: "KeyValue", id: 1 },
      droppedAttributesCount: { type: "uint32", id: 2 },
    },
  },
  Scope: {
    fields: { name: { type: "string", id: 1 }, version: { type: "string", id: 2 } },
  },
};

const LOGS = {
  LogsRequest: { fields: { resourceLogs: { rule: "repeated", type: "ResourceLogs", id: 1 } } },
  ResourceLogs: {
    fields: {
      resource: { type: "Resource", id: 1 },
      scopeLogs: { rule: "repeated", type: "ScopeLogs", id: 2 },
      schemaUrl: { type: "string", id: 3 },
    },
  },
  ScopeLogs: {
    fields: {
      scope: { type: "Scope", id: 1 },
      logRecords: { rule: "repeated", type: "LogRecord", id: 2 },
      schemaUrl: { type: "string", id: 3 },
    },
  },
  LogRecord: {
    fields: {
      timeUnixNano: { type: "fixed64", id: 1 },
      observedTimeUnixNano: { type: "fixed64", id: 11 },
      severityNumber: { type: "int32", id: 2 },
      severityText: { type: "string", id: 3 },
      body: { type: "AnyValue", id: 5 },
      attributes: { rule: "repeated", type: "KeyValue", id: 6 },
      droppedAttributesCount: { type: "uint32", id: 7 },
      flags: { type: "fixed32", id: 8 },
      traceId: { type: "bytes", id: 9 },
      spanId: { type: "bytes", id: 10 },
      eventName: { type: "string", id: 12 },
    },
  },
};

/** For tests: `logs` and what it is made of, as protobufjs reads and writes it. */
export function otlpTypes() {
  const root = protobuf.Root.fromJSON({ nested: { ...VALUES, ...LOGS } });
  const logs = root.lookupType("LogsRequest");
  return {
    root,
    encodeLogs: (request: object): Uint8Array => logs.encode(logs.fromObject(request)).finish(),
    /** As OTLP's JSON has it, but for bytes, which are base64 in both. */
    decodeLogs: (bytes: Uint8Array): Record<string, unknown> =>
      logs.toObject(logs.decode(bytes), { longs: String, bytes: String }),
  };
}
