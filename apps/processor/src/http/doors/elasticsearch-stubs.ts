import { TracerError } from "@tracer/core";
import type { FastifyPluginAsync, FastifyRequest, HTTPMethods } from "fastify";
import { ELASTIC_VERSION } from "../elastic-type.ts";
import { DOOR_DOCS } from "./docs.ts";

const ACKNOWLEDGED = { acknowledged: true };

/**
 * What shippers ask or set up before and after they send: Filebeat, Logstash, Fluent Bit, Fluentd, Vector and the
 * official clients. Tracer keeps no documents, so it has what they look for, and takes what they set up.
 */
export const elasticStubs: FastifyPluginAsync = async (app) => {
  const answer = (
    method: HTTPMethods[],
    urls: string[],
    body: (request: FastifyRequest) => unknown,
  ) => {
    const doc = method[0] === "GET" ? DOOR_DOCS.elasticLook : DOOR_DOCS.elasticSetUp;
    for (const url of urls) {
      const config = { scope: "ingest" as const, doc };
      app.route({ method, url, config, handler: async (request) => body(request) });
    }
  };
  answer(["GET"], ["/_cluster/health", "/_cluster/health/:index"], () => HEALTH);
  answer(["GET"], ["/_license"], () => ({ license: LICENSE }));
  answer(["GET"], ["/_xpack"], () => ({ license: LICENSE, features: FEATURES }));
  answer(["GET"], ["/_nodes", "/_nodes/http", "/_nodes/_all/http"], nodesOf);
  answer(["PUT", "POST"], SET_UP, () => ACKNOWLEDGED);
  answer(["GET"], ["/_index_template/:name"], (request) => ({
    index_templates: [{ name: nameOf(request), index_template: TEMPLATE }],
  }));
  answer(["GET"], ["/_template/:name"], (request) => ({ [nameOf(request)]: TEMPLATE }));
  answer(["GET"], ["/_component_template/:name"], (request) => ({
    component_templates: [{ name: nameOf(request), component_template: TEMPLATE }],
  }));
  answer(["GET"], ["/_ilm/policy/:name"], (request) => ({
    [nameOf(request)]: { version: 1, policy: { phases: {} } },
  }));
  answer(["GET"], ["/_ingest/pipeline/:name"], (request) => ({
    [nameOf(request)]: { processors: [] },
  }));
  answer(["GET"], ["/_data_stream/:name"], (request) => ({
    data_streams: [{ name: nameOf(request), status: "GREEN" }],
  }));
  answer(["GET"], ["/_alias/:name"], () => ({}));
  answer(["POST", "GET"], ["/_refresh", "/:name/_refresh"], () => ({ _shards: SHARDS }));
  answer(["PUT"], ["/:name"], (request) => ({
    ...ACKNOWLEDGED,
    shards_acknowledged: true,
    index: indexOf(request),
  }));
  const head = { config: { scope: "ingest" as const, doc: DOOR_DOCS.elasticHead } };
  app.head("/:name", head, async (request, reply) => {
    indexOf(request);
    return reply.send();
  });
};

const SET_UP = [
  ...["/_index_template/:name", "/_template/:name", "/_component_template/:name"],
  ...["/_ilm/policy/:name", "/_ingest/pipeline/:name", "/_data_stream/:name"],
];
const TEMPLATE = { index_patterns: ["*"], template: {}, version: 1 };
const SHARDS = { total: 1, successful: 1, failed: 0 };
const HEALTH = {
  cluster_name: "tracer",
  status: "green",
  timed_out: false,
  number_of_nodes: 1,
  number_of_data_nodes: 1,
  active_primary_shards: 1,
  active_shards: 1,
  relocating_shards: 0,
  initializing_shards: 0,
  unassigned_shards: 0,
  delayed_unassigned_shards: 0,
  number_of_pending_tasks: 0,
  number_of_in_flight_fetch: 0,
  task_max_waiting_in_queue_millis: 0,
  active_shards_percent_as_number: 100,
};
const LICENSE = { status: "active", uid: "tracer", type: "basic", mode: "basic" };
const FEATURES = { ilm: { available: true, enabled: true } };

/** One node: the address that the client came to. */
function nodesOf(request: FastifyRequest): unknown {
  const http = { bound_address: [request.host], publish_address: request.host };
  const node = { name: "tracer", version: ELASTIC_VERSION, roles: ["data", "ingest"], http };
  return {
    _nodes: { total: 1, successful: 1, failed: 0 },
    cluster_name: "tracer",
    nodes: { tracer: node },
  };
}

function nameOf(request: FastifyRequest): string {
  const { params } = request;
  if (typeof params !== "object" || params === null || !("name" in params)) return "";
  return typeof params.name === "string" ? params.name : "";
}

/** The path as the name of an index. Throws NOT_FOUND for one that cannot be. */
function indexOf(request: FastifyRequest): string {
  const name = nameOf(request);
  if (/^[^A-Z_\-+\s\\/*?"<>|,#:][^A-Z\s\\/*?"<>|,#:]*$/.test(name)) return name;
  throw new TracerError("NOT_FOUND", "There is nothing here, and no index can have this name.");
}
