import { expect, test } from "vitest";
import { type AccessOptions, type AccessRequest, authorize as authorizeFrom } from "./access.ts";
import type { Caller, Scope } from "./caller.ts";
import { KeyCache } from "./key-cache.ts";

const keyless: AccessOptions = {
  findKey: async () => null,
  keysExist: () => false,
  publicHost: "tracer.example.org",
};
const stored: Readonly<Record<string, Scope>> = {
  trc_shop_reader: "read",
  trc_shop_operator: "operate",
  trc_shop_sender: "ingest",
};
const keys = new KeyCache({
  ingestKey: "ingest-3f9a3f9a3f9a",
  adminKey: "admin-77d177d177d1",
  find: async (key): Promise<Caller | null> => {
    const scope = stored[key];
    return scope === undefined ? null : { id: key, name: key, project: "shop", scopes: [scope] };
  },
  monotonicMs: () => 0,
});
const keyed: AccessOptions = { ...keyless, keysExist: () => true, findKey: keys.find };
const host = "127.0.0.1:4318";

function authorize(options: AccessOptions, request: Omit<AccessRequest, "address">) {
  return authorizeFrom(options, { address: "10.0.0.7", ...request });
}

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
  const ask = (headers: Record<string, string>, scope: Scope) =>
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

test("keys: every way in which shippers present one", async () => {
  const key = "admin-77d177d177d1";
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const ways: Record<string, string>[] = [
    { authorization: `Bearer ${key}` },
    { authorization: `bearer ${key}` },
    { authorization: `Token ${key}` },
    { authorization: `Splunk ${key}` },
    { authorization: `ApiKey ${key}` },
    { authorization: `ApiKey ${base64(`some-id:${key}`)}` },
    { authorization: `ApiKey ${base64(`:${key}`)}` },
    { authorization: `Basic ${base64(`anyone:${key}`)}` },
    { authorization: `Basic ${base64(`${key}:`)}` },
    { authorization: `Basic ${base64(key)}` },
    { "x-api-key": key },
    { "dd-api-key": key },
    { "x-amz-firehose-access-key": key },
    { authorization: "AWS4-HMAC-SHA256 Credential=x", "x-api-key": key },
  ];
  for (const headers of ways) {
    const caller = await authorize(keyed, { headers, scope: "read" });
    expect(caller.id, JSON.stringify(headers)).toBe("admin");
  }
  const wrong: Record<string, string>[] = [
    { authorization: `Basic ${base64(`${key}:other`)}` }, // A user name is a key only without a password.
    { authorization: `ApiKey ${base64(`${key}:other`)}` },
    { authorization: `ApiKey ${base64(key)}` },
    { authorization: key },
    { authorization: "Bearer" },
    { authorization: "Basic Og==" },
    { "x-api-key": "" },
  ];
  for (const headers of wrong) {
    const asked = authorize(keyed, { headers, scope: "read" });
    await expect(asked, JSON.stringify(headers)).rejects.toMatchObject({
      code: expect.stringMatching(/^KEY_(MISSING|INVALID)$/),
    });
  }
});

test("keys: in the query only where the route says so, and only by its name", async () => {
  const headers = { host };
  const query = { "dd-api-key": "ingest-3f9a3f9a3f9a" };
  const asked = { headers, query, scope: "ingest" } as const;
  const caller = await authorize(keyed, { ...asked, keyInQuery: "dd-api-key" });
  expect(caller.id).toBe("ingest");
  const twice = { ...asked, query: { token: ["ingest-3f9a3f9a3f9a", "x"] }, keyInQuery: "token" };
  expect(await authorize(keyed, twice)).toMatchObject({ id: "ingest" });
  for (const keyInQuery of [null, "token"]) {
    await expect(authorize(keyed, { ...asked, keyInQuery })).rejects.toMatchObject({
      code: "KEY_MISSING",
    });
  }
});

test("what each right includes: operate sees what it acts on, admin may all, none else more", async () => {
  const scopes: Scope[] = ["ingest", "read", "operate", "admin"];
  const may = async (key: string) => {
    const allowed: Scope[] = [];
    for (const scope of scopes) {
      const asked = authorize(keyed, { headers: { "x-api-key": key }, scope });
      await asked.then(
        () => allowed.push(scope),
        (error: unknown) => expect(error).toMatchObject({ code: "KEY_FORBIDDEN" }),
      );
    }
    return allowed;
  };
  expect(await may("trc_shop_sender")).toEqual(["ingest"]);
  expect(await may("trc_shop_reader")).toEqual(["read"]);
  expect(await may("trc_shop_operator")).toEqual(["read", "operate"]);
  expect(await may("admin-77d177d177d1")).toEqual(scopes);
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
  expect(await nameOf(keyed, "admin-77d177d177d1")).toBe("TRACER_ADMIN_KEY");
  expect(await nameOf(keyed, "trc_shop_reader")).toBe("trc_shop_reader");
  const headers = { authorization: "Bearer ingest-3f9a3f9a3f9a" };
  const sender = await authorize(keyed, { headers, scope: "ingest" });
  expect(sender.name).toBe("TRACER_INGEST_KEY");
});
