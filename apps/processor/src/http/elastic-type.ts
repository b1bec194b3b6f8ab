/**
 * The content type of an answer in Elasticsearch's dialect: clients of version 8 and later ask for one that names the
 * version they speak, and must get the same back.
 */
export function elasticTypeOf(accept: string | undefined): string {
  const version = /application\/vnd\.elasticsearch\+json\s*;\s*compatible-with=(\d{1,2})/.exec(
    accept ?? "",
  );
  if (version === null) return "application/json; charset=utf-8";
  return `application/vnd.elasticsearch+json;compatible-with=${version[1]}`;
}

/** Clients refuse an answer without this header. */
export const ELASTIC_PRODUCT = { name: "x-elastic-product", value: "Elasticsearch" } as const;

/** The newest version whose bulk API is spoken. */
export const ELASTIC_VERSION = "8.19.0";
