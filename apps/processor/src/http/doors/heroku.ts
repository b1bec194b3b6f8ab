import { TracerError } from "@tracer/core";
import { createLogplexDecoder } from "@tracer/ingest";
import type { FastifyPluginAsync } from "fastify";
import { DOOR_DOCS } from "./docs.ts";
import { type DoorOptions, receive } from "./door.ts";

/** Frames remembered, so that one that Heroku sends again is counted once. */
export const FRAME_IDS_MAX = 4_096;
const FRAME_ID_LENGTH_MAX = 128;

/** Heroku's log drains (Logplex). A frame that comes again, because its answer was lost, is not counted again. */
export const herokuDoor: FastifyPluginAsync<DoorOptions> = async (app, options) => {
  const frames = new Frames();
  const protocol = { name: "heroku", createDecoder: createLogplexDecoder };
  const config = { scope: "ingest", doc: DOOR_DOCS.heroku } as const;
  app.post("/heroku", { config }, async (request, reply) => {
    const header = request.headers["logplex-frame-id"];
    const id =
      typeof header === "string" && header.length <= FRAME_ID_LENGTH_MAX
        ? `${request.caller.project}\0${header}`
        : null;
    const before = id === null ? undefined : frames.find(id);
    if (before !== undefined) {
      request.raw.resume();
      if (!(await before)) throw new TracerError("INGEST_BUSY", "This frame was not taken.");
      return reply.code(204).send();
    }
    const taken = receive(options, request, protocol);
    if (id !== null) frames.remember(id, taken);
    await taken;
    return reply.code(204).send();
  });
};

/** The newest frames: whether each was taken. One that was not may come again. */
class Frames {
  readonly #taken = new Map<string, Promise<boolean>>(); // In the order in which they came.

  find(id: string): Promise<boolean> | undefined {
    return this.#taken.get(id);
  }

  remember(id: string, receiving: Promise<unknown>): void {
    const taken = receiving.then(
      () => true,
      () => {
        this.#taken.delete(id);
        return false;
      },
    );
    this.#taken.set(id, taken);
    for (const oldest of this.#taken.keys()) {
      if (this.#taken.size <= FRAME_IDS_MAX) break;
      this.#taken.delete(oldest);
    }
  }
}
