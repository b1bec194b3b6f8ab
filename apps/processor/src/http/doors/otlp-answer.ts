export const PROTOBUF_TYPE = "application/x-protobuf";
export const JSON_TYPE = "application/json";

type Encoding = "protobuf" | "json";

/** Whether a client that sends this content type reads JSON. Without one it is taken for protobuf. */
export function isJsonWanted(contentType: string): boolean {
  return contentType.toLowerCase().includes("json");
}

/**
 * An ExportLogsServiceResponse (or that of metrics, which is the same on the wire): `partial_success` when something was
 * refused, or, with 0 refused, when there is something to say.
 */
export function exportResponse(
  rejected: number,
  message: string,
  encoding: Encoding,
  rejectedKey: "rejectedLogRecords" | "rejectedDataPoints" = "rejectedLogRecords",
): Buffer {
  const isEmpty = rejected === 0 && message === "";
  if (encoding === "json") {
    // A 64-bit number is a string in protobuf's JSON.
    const partialSuccess = { [rejectedKey]: String(rejected), errorMessage: message };
    return Buffer.from(JSON.stringify(isEmpty ? {} : { partialSuccess }));
  }
  if (isEmpty) return Buffer.alloc(0);
  const partial = Buffer.concat([varintField(1, rejected), textField(2, Buffer.from(message))]);
  return textField(1, partial);
}

/** A google.rpc.Status. */
export function rpcStatus(httpStatus: number, message: string, encoding: Encoding): Buffer {
  const code = rpcCode(httpStatus);
  if (encoding === "json") return Buffer.from(JSON.stringify({ code, message }));
  return Buffer.concat([varintField(1, code), textField(2, Buffer.from(message))]);
}

/** The code of google.rpc.Code that fits an HTTP status. */
function rpcCode(httpStatus: number): number {
  switch (httpStatus) {
    case 401:
      return 16; // UNAUTHENTICATED
    case 403:
      return 7; // PERMISSION_DENIED
    case 404:
      return 5; // NOT_FOUND
    case 429:
      return 8; // RESOURCE_EXHAUSTED
    case 503:
      return 14; // UNAVAILABLE
    default:
      return httpStatus >= 500 ? 13 : 3; // INTERNAL, INVALID_ARGUMENT
  }
}

function varintField(field: number, value: number): Buffer {
  return value === 0 ? Buffer.alloc(0) : Buffer.from([field << 3, ...varint(value)]);
}

function textField(field: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2, ...varint(bytes.length)]), bytes]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
  return [...bytes, left];
}
