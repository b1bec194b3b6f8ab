import { systemClock } from "@tracer/core";
import Fastify from "fastify";
import { expect, test } from "vitest";
import type { TracerEvent } from "../tracer-event.ts";
import { EVERYONE } from "./caller.ts";
import { pageRoutes } from "./page.ts";

const BUILD_MS = 120_000;

test(
  "an incident's address leads to the page, and says the same without a script",
  async () => {
    const app = Fastify();
    const observe = Object.assign((_event: TracerEvent) => {}, {
      ...{ close: () => {}, metrics: async () => "", watch: () => {}, recordsAccepted: () => 0 },
    });
    app.decorateRequest("caller");
    app.addHook("onRequest", async (request) => {
      request.caller = EVERYONE;
    });
    const head = '<meta http-equiv="refresh" content="9">';
    const withoutScript = async () => ({ status: 404, body: "<h1>$& gone</h1>", head });
    await app.register(pageRoutes, { version: "1", observe, clock: systemClock, withoutScript });
    const headers = { accept: "text/html" };
    const shown = await app.inject({ url: "/i/some", headers });
    expect(shown.statusCode).toBe(404);
    expect(shown.body).toContain("<noscript><h1>$& gone</h1></noscript>");
    expect(shown.body).toContain(`<noscript>${head}</noscript></head>`);
    expect(shown.body).toContain('data-root="../"');
    expect(shown.body).toMatch(/src="\.\.\/assets\/[\w-]+\.js"/);
    const root = await app.inject({ url: "/", headers });
    expect([root.statusCode, root.body]).toEqual([
      200,
      expect.stringContaining("needs JavaScript"),
    ]);
    expect(root.body).toContain('data-root="./"');
    const asset = /src="\.(\/assets\/[^"]+)"/.exec(root.body)?.[1] ?? "";
    const zipped = await app.inject({ url: asset, headers: { "accept-encoding": "gzip, br" } });
    expect(zipped.headers).toMatchObject({ "content-encoding": "gzip", vary: "accept-encoding" });
    expect((await app.inject({ url: asset })).headers["content-encoding"]).toBeUndefined();
    await app.close();
  },
  BUILD_MS,
);
