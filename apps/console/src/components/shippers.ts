interface Target {
  /** Where this page is, without a slash at the end. */
  readonly base: string;
  /** What stands for the key; null where none is needed. */
  readonly key: string | null;
}

interface Shipper {
  readonly name: string;
  readonly text: (target: Target) => string;
}

/** Text to paste, by shipper; the files of docs/shippers say more of each. */
export const SHIPPERS: readonly [Shipper, ...Shipper[]] = [
  {
    name: "curl",
    text: ({ base, key }) =>
      `curl ${base}/logs${key === null ? "" : ` \\\n  -H "authorization: Bearer ${key}"`} \\
  -d '{"level":"error","service":"checkout","message":"hello Tracer"}'`,
  },
  {
    name: "OpenTelemetry",
    text: ({ base, key }) =>
      `export OTEL_EXPORTER_OTLP_ENDPOINT=${base}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf${
        key === null ? "" : `\nexport OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20${key}"`
      }
export OTEL_SERVICE_NAME=checkout`,
  },
  {
    name: "Fluent Bit",
    text: ({ base, key }) => {
      const { hostname, port, pathname, protocol } = new URL(base);
      const isTls = protocol === "https:";
      return [
        "[OUTPUT]",
        "    Name     http",
        "    Match    *",
        `    Host     ${hostname}`,
        `    Port     ${port || (isTls ? 443 : 80)}`,
        ...(isTls ? ["    tls      on"] : []),
        `    URI      ${pathname === "/" ? "" : pathname}/logs`,
        "    Format   json_lines",
        "    Compress gzip",
        ...(key === null ? [] : [`    Header   Authorization Bearer ${braced(key)}`]),
      ].join("\n");
    },
  },
  {
    name: "Vector",
    text: ({ base, key }) =>
      `sinks:
  tracer:
    type: http
    inputs: [app]
    uri: ${base}/logs
    encoding: { codec: json }
    framing: { method: newline_delimited }
    compression: gzip${
      key === null ? "" : `\n    auth: { strategy: bearer, token: "${braced(key)}" }`
    }`,
  },
  {
    name: "Promtail",
    text: ({ base, key }) =>
      `clients:
  - url: ${base}/loki/api/v1/push${key === null ? "" : `\n    bearer_token: ${braced(key)}`}`,
  },
  {
    name: "Elasticsearch client",
    text: ({ base, key }) =>
      `new Client({
  node: "${base}",${
    key === null
      ? ""
      : `\n  auth: { username: "tracer", password: process.env.${key.replace("$", "")} },`
  }
});`,
  },
  {
    name: "pino",
    text: ({ base, key }) =>
      `const stream = createWriteStream({ // from pino-http-send
  url: "${base}/logs",
  bodyType: "ndjson",${
    key === null
      ? ""
      : `\n  headers: { authorization: \`Bearer \${process.env.${key.replace("$", "")}}\` },`
  }
});
const logger = pino({ base: { service: "checkout" } }, stream);`,
  },
];

/** `$NAME` as those programs write it. */
function braced(key: string): string {
  return `\${${key.replace("$", "")}}`;
}
