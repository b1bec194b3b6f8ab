import { once } from "node:events";
import { createConnection, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { startFaultProxy } from "./fault-proxy.ts";

/** A server that sends back what it gets, and a proxy in front of it. */
async function startEcho() {
  const echo = createServer((socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  const address = echo.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const proxy = await startFaultProxy({ target: `postgres://u:p@127.0.0.1:${port}/db` });
  return {
    proxy,
    [Symbol.asyncDispose]: async () => {
      await proxy[Symbol.asyncDispose]();
      echo.close();
      await once(echo, "close");
    },
  };
}

async function connectTo(url: string): Promise<Socket> {
  const socket = createConnection({ host: "127.0.0.1", port: Number(new URL(url).port) });
  await once(socket, "connect");
  return socket;
}

async function ask(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [bytes] = await once(socket, "data");
  return String(bytes);
}

/** The code of the error that ends the socket. */
async function endOf(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => {
    socket.once("error", (error) => resolve("code" in error ? error.code : error));
    socket.once("close", () => resolve("closed"));
  });
}

test("the URL keeps all but the port, and bytes go through", async () => {
  await using setup = await startEcho();
  const { proxy } = setup;
  expect(proxy.url).toMatch(/^postgres:\/\/u:p@127\.0\.0\.1:\d+\/db$/u);
  const socket = await connectTo(proxy.url);
  expect(await ask(socket, "hello")).toBe("hello");
  expect([proxy.connectionsTotal, proxy.connectionsOpen]).toEqual([1, 1]);
  socket.end();
  await once(socket, "close");
});

test("refuse closes the port and resets what is open; the same port comes back", async () => {
  await using setup = await startEcho();
  const { proxy } = setup;
  const socket = await connectTo(proxy.url);
  await ask(socket, "hello");
  const ended = endOf(socket);
  await proxy.set("refuse");
  expect(await ended).toBe("ECONNRESET");
  await expect(connectTo(proxy.url)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  await proxy.set("pass");
  const again = await connectTo(proxy.url);
  expect(await ask(again, "again")).toBe("again");
  again.destroy();
});

test("cut resets what is open and what comes", async () => {
  await using setup = await startEcho();
  const { proxy } = setup;
  const socket = await connectTo(proxy.url);
  await ask(socket, "hello");
  const ended = endOf(socket);
  await proxy.set("cut");
  expect(await ended).toBe("ECONNRESET");
  const next = createConnection({ host: "127.0.0.1", port: Number(new URL(proxy.url).port) });
  expect(await endOf(next)).toBe("ECONNRESET");
  expect(proxy.connectionsTotal).toBe(2);
});

test("a black hole takes everything and gives nothing back until it ends", async () => {
  await using setup = await startEcho();
  const { proxy } = setup;
  const before = await connectTo(proxy.url);
  await ask(before, "hello");
  await proxy.set("blackHole");
  const during = await connectTo(proxy.url);
  const heard: string[] = [];
  for (const socket of [before, during]) socket.on("data", (bytes) => heard.push(String(bytes)));
  before.write("one");
  during.write("two");
  await new Promise((resolve) => setTimeout(resolve, 50)); // Long enough for an echo to be wrong.
  expect(heard).toEqual([]);
  const answered = Promise.all([once(before, "data"), once(during, "data")]);
  await proxy.set("pass");
  await answered;
  expect(heard.toSorted()).toEqual(["one", "two"]);
  before.destroy();
  during.destroy();
});

test("delayed pieces keep their order, also when the delay ends before they are through", async () => {
  await using setup = await startEcho();
  const { proxy } = setup;
  const socket = await connectTo(proxy.url);
  await ask(socket, "hello");
  let heard = "";
  const all = new Promise<void>((resolve) => {
    socket.on("data", (bytes) => {
      heard += String(bytes);
      if (heard.length === 2) resolve();
    });
  });
  await proxy.set({ delayMs: 40 });
  const startedMs = performance.now();
  socket.write("1");
  await new Promise((resolve) => setTimeout(resolve, 15));
  await proxy.set("pass");
  socket.write("2");
  await all;
  expect(heard).toBe("12");
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(39);
  socket.destroy();
});

test("some of the connections are reset", async () => {
  await using setup = await startEcho();
  const { proxy } = setup;
  const sockets = [await connectTo(proxy.url), await connectTo(proxy.url)] as const;
  await Promise.all(sockets.map((socket) => ask(socket, "hello")));
  const ended = endOf(sockets[0]);
  expect(proxy.reset((index) => index === 0)).toBe(1);
  expect(await ended).toBe("ECONNRESET");
  expect(await ask(sockets[1], "still")).toBe("still");
  sockets[1].destroy();
});
