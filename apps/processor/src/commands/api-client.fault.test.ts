import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { Readable, Writable } from "node:stream";
import { expect, test } from "vitest";
import { Exit } from "../exit.ts";
import { askTracer } from "./api-client.ts";

/** Asks at the port, and returns the exit code and what is said. */
async function ask(port: number, answerMsMax: number) {
  const said: string[] = [];
  const stderr = new Writable({
    write: (chunk, _encoding, done) => {
      said.push(String(chunk));
      done();
    },
  });
  const result = await askTracer(
    {
      environment: { HOST: "127.0.0.1", PORT: String(port) },
      version: "0",
      stdin: Readable.from([]),
      ...{ stdout: stderr, stderr, stop: new AbortController().signal },
      ...{ color: () => false, onReload: () => {} },
    },
    { path: "/api/v1/incidents", answerMsMax },
  );
  return { exit: "exit" in result ? result.exit : null, said: said.join("") };
}

async function listening(): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.resume()); // Takes what comes, and never answers.
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return { server, port: typeof address === "object" && address !== null ? address.port : 0 };
}

test("one that answers too slowly is told from none at all; 69 either way", async () => {
  const { server, port } = await listening();
  const slow = await ask(port, 100);
  expect(slow.exit).toBe(Exit.unavailable);
  expect(slow.said).toMatch(/takes too long.*may have been done/);
  server.close();
  await once(server, "close");
  const nobody = await ask(port, 60_000);
  expect(nobody.exit).toBe(Exit.unavailable);
  expect(nobody.said).toContain(`No Tracer answers at http://127.0.0.1:${port}`);
});
