import { createLogplexDecoder } from "@tracer/ingest";
import type { FastifyPluginAsync } from "fastify";
import { DOOR_DOCS } from "./docs.ts";
import { type DoorOptions, receive } from "./door.ts";

/** Frames remembered, so that one that Heroku sends again is counted once. */
export const FRAME_IDS_MAX = 4_096;
const FRAME_ID_LENGTH_MAX = 128;

/** Heroku's log drains (Logplex). A frame that comes again, because its answer was lost, is not counted again. */
export const herokuDoor: FastifyPluginAsync<DoorOptions> = async (app, options) => {
  const seen = new FrameIds();
  app.post(
    "/heroku",
    { config: { scope: "ingest", doc: DOOR_DOCS.heroku } },
    async (request, reply) => {
      const header = request.headers["logplex-frame-id"];
      const id = typeof header === "string" ? `${request.caller.project}\0${header}` : null;
      if (id === null || seen.begin(id)) {
        try {
          await receive(options, request, { name: "heroku", createDecoder: createLogplexDecoder });
        } catch (error) {
          if (id !== null) seen.forget(id); // Nothing of it was taken: it may come again.
          throw error;
        }
      } else {
        request.raw.resume();
      }
      return reply.code(204).send();
    },
  );
};

/** The ids of the newest frames. */
class FrameIds {
  readonly #ids = new Set<string>(); // In the order in which they came.

  /** False: it has come before. */
  begin(id: string): boolean {
    if (id.length > FRAME_ID_LENGTH_MAX) return true;
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    for (const oldest of this.#ids) {
      if (this.#ids.size <= FRAME_IDS_MAX) break;
      this.#ids.delete(oldest);
    }
    return true;
  }

  forget(id: string): void {
    this.#ids.delete(id);
  }
}
