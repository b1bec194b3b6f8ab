import { expect, test } from "vitest";
import { type AccessOptions, authorize } from "./access.ts";

const keyless: AccessOptions = {
  ingestKey: null,
  adminKey: null,
  findKey: async () => null,
  keysExist: false,
  publicHost: "tracer.example.org",
};
const keyed: AccessOptions = {
  ...keyless,
  ingestKey: "ingest-3f9a3f9a3f9a",
  adminKey: "admin-77d177d177d1",
  keysExist: true,
  findKey: async (key) =>
    key === "trc_shop_reader" ? { project: "shop", name: "reader", scopes: ["read"] } : null,
};
const host = "127.0.0.1:4318";

test("keyless: this machine's names and PUBLIC_URL's host are served", async () => {
  for (const own of [host, "localhost:4318", "[::1]:4318", "localhost", "tracer.example.org"]) {
    const caller = await authorize(keyless, { headers: { host: own }, scope: "admin" });
    expect(caller.project, own).toBe("default");
  }
});

test("keyless: a foreign Host is refused, as a rebound name shows itself", async () => {
  for (const foreign of ["evil.example", "127.0.0.1.evil.example:4318", "10.0.0.1:4318", ""]) {
    const asked = authorize(keyless, { headers: { host: foreign }, scope: "ingest" });
    await expect(asked, foreign).rejects.toMatchObject({ code: "HOST_FORBIDDEN" });
  }
});

test("keyless: a page of another origin is refused, whatever it sends", async () => {
  const refused = [
    { host, origin: "https://evil.example" },
    { host, origin: "null" },
    { host, origin: "http://127.0.0.1:9999" },
    { host, "sec-fetch-site": "cross-site" },
    { host, "sec-fetch-site": "same-site" },
  ];
  for (const headers of refused) {
    const asked = authorize(keyless, { headers, scope: "ingest" });
    await expect(asked, JSON.stringify(headers)).rejects.toMatchObject({
      code: "ORIGIN_FORBIDDEN",
    });
  }
  const own = { host, origin: `http://${host}`, "sec-fetch-site": "same-origin" };
  expect(await authorize(keyless, { headers: own, scope: "ingest" })).toBeDefined();
});

test("a link in another site may lead to a page, and to nothing else", async () => {
  const headers = { host, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
  expect(await authorize(keyless, { headers, scope: "read", page: true })).toBeDefined();
  await expect(authorize(keyless, { headers, scope: "read" })).rejects.toMatchObject({
    code: "ORIGIN_FORBIDDEN",
  });
});

test("keys: missing, unknown, and without the right", async () => {
  const ask = (headers: Record<string, string>, scope: "ingest" | "read" | "admin") =>
    authorize(keyed, { headers: { host: "anywhere", ...headers }, scope });
  await expect(ask({}, "read")).rejects.toMatchObject({ code: "KEY_MISSING" });
  await expect(ask({ authorization: "Bearer nope" }, "read")).rejects.toMatchObject({
    code: "KEY_INVALID",
  });
  const ingest = { authorization: "Bearer ingest-3f9a3f9a3f9a" };
  await expect(ask(ingest, "read")).rejects.toMatchObject({ code: "KEY_FORBIDDEN" });
  expect((await ask(ingest, "ingest")).scopes).toEqual(["ingest"]);
  expect((await ask({ "x-api-key": "trc_shop_reader" }, "read")).project).toBe("shop");
  await expect(ask({ "x-api-key": "trc_shop_reader" }, "ingest")).rejects.toMatchObject({
    code: "KEY_FORBIDDEN",
  });
});

test("keys: every header that shippers use carries one", async () => {
  const key = "admin-77d177d177d1";
  const basic = Buffer.from(`anyone:${key}`).toString("base64");
  for (const headers of [
    { authorization: `Bearer ${key}` },
    { authorization: `bearer ${key}` },
    { authorization: `Splunk ${key}` },
    { authorization: `Basic ${basic}` },
    { "x-api-key": key },
    { "dd-api-key": key },
  ]) {
    expect(await authorize(keyed, { headers, scope: "read" })).toBeDefined();
  }
});

test("keys: what a browser sends by itself is refused from a foreign page", async () => {
  const basic = `Basic ${Buffer.from("x:admin-77d177d177d1").toString("base64")}`;
  const headers = { authorization: basic, host, origin: "https://evil.example" };
  await expect(authorize(keyed, { headers, scope: "admin" })).rejects.toMatchObject({
    code: "ORIGIN_FORBIDDEN",
  });
});

test("whoever makes something is named: by the key, or as this machine where there are none", async () => {
  const nameOf = async (options: AccessOptions, key: string) => {
    const headers = { host, authorization: `Bearer ${key}` };
    return (await authorize(options, { headers, scope: "read" })).name;
  };
  expect(await nameOf(keyless, "any")).toBe("loopback");
  expect(await nameOf(keyed, keyed.adminKey ?? "")).toBe("TRACER_ADMIN_KEY");
  expect(await nameOf(keyed, "trc_shop_reader")).toBe("reader");
  const headers = { authorization: `Bearer ${keyed.ingestKey}` };
  const sender = await authorize(keyed, { headers, scope: "ingest" });
  expect(sender.name).toBe("TRACER_INGEST_KEY");
});
