import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { z } from "zod";

// Goal: what docs/ gives people to run Tracer with is what it says. Method: Kubernetes' own schemas, and what the
// files say of the same thing compared with each other.

const ROOT = new URL("../../../", import.meta.url);
const FOLDER = new URL("docs/deploy/kubernetes/", ROOT);

function objects(): unknown[] {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".yaml"));
  return files.flatMap((name) =>
    parseAllDocuments(readFileSync(new URL(name, FOLDER), "utf8")).map((document): unknown =>
      document.toJS(),
    ),
  );
}

function validate(input: readonly unknown[]): string {
  const script = fileURLToPath(new URL("./clients/kubernetes.mjs", import.meta.url));
  const run = spawnSync(process.execPath, [script], {
    input: JSON.stringify(input),
    encoding: "utf8",
  });
  return run.stdout + run.stderr;
}

const Labels = z.record(z.string(), z.string());
const Named = z.looseObject({ kind: z.string(), spec: z.unknown() });

test("the Kubernetes objects are what Kubernetes takes", () => {
  const said = validate(objects()).trim().split("\n").toSorted();
  const kinds = ["Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service"];
  expect(said).toEqual(kinds.map((kind) => `${kind}: ok`));
  const wrong = { kind: "Service", apiVersion: "v1", spec: { ports: [{ port: "http" }] } };
  expect(validate([wrong])).toContain("must be integer"); // It does look.
});

test("they are about the same pods and the same port, and the probes ask what Tracer answers", () => {
  const found = new Map(objects().map((each) => [Named.parse(each).kind, each]));
  const Deployment = z.looseObject({
    spec: z.looseObject({
      selector: z.looseObject({ matchLabels: Labels }),
      template: z.looseObject({
        metadata: z.looseObject({ labels: Labels }),
        spec: z.looseObject({
          containers: z.tuple([
            z.looseObject({
              ports: z.array(z.looseObject({ name: z.string(), containerPort: z.number() })),
              livenessProbe: z.looseObject({
                httpGet: z.looseObject({ path: z.literal("/healthz") }),
              }),
              readinessProbe: z.looseObject({
                httpGet: z.looseObject({ path: z.literal("/readyz") }),
              }),
              securityContext: z.looseObject({
                readOnlyRootFilesystem: z.literal(true),
                allowPrivilegeEscalation: z.literal(false),
              }),
            }),
          ]),
        }),
      }),
    }),
  });
  const { spec } = Deployment.parse(found.get("Deployment"));
  const labels = spec.template.metadata.labels;
  const [{ ports }] = spec.template.spec.containers;
  const service = z
    .looseObject({
      spec: z.looseObject({
        selector: Labels,
        ports: z.array(z.looseObject({ targetPort: z.string(), port: z.number() })),
      }),
    })
    .parse(found.get("Service")).spec;
  const budget = z
    .looseObject({ spec: z.looseObject({ selector: z.looseObject({ matchLabels: Labels }) }) })
    .parse(found.get("PodDisruptionBudget")).spec;
  const policy = z
    .looseObject({ spec: z.looseObject({ podSelector: z.looseObject({ matchLabels: Labels }) }) })
    .parse(found.get("NetworkPolicy")).spec;
  for (const selector of [
    spec.selector.matchLabels,
    service.selector,
    budget.selector.matchLabels,
    policy.podSelector.matchLabels,
  ]) {
    expect(selector).toEqual(labels);
  }
  expect(service.ports.map(({ targetPort }) => targetPort)).toEqual(ports.map(({ name }) => name));
  expect([service.ports[0]?.port, ports[0]?.containerPort]).toEqual([4318, 4318]);
});

test("the systemd unit starts what is there, and the rules are rules", () => {
  const unit = readFileSync(new URL("docs/deploy/tracer.service", ROOT), "utf8");
  const lines = unit.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  for (const line of lines) expect(line).toMatch(/^\[[A-Z]\w+\]$|^[A-Z]\w+=/);
  const [, program = "", script = ""] = /^ExecStart=(\S+) (\S+) start$/m.exec(unit) ?? [];
  expect(existsSync(new URL(program.replace("/opt/tracer/", ""), ROOT))).toBe(true);
  expect(existsSync(new URL(script, ROOT))).toBe(true);
  for (const setting of [
    "NoNewPrivileges=true",
    "ProtectSystem=strict",
    "CapabilityBoundingSet=",
  ]) {
    expect(lines).toContain(setting);
  }
  const Rules = z.strictObject({
    groups: z.array(
      z.strictObject({
        name: z.string(),
        rules: z
          .array(
            z.strictObject({
              alert: z.string().regex(/^Tracer\w+$/),
              expr: z.string(),
              for: z
                .string()
                .regex(/^\d+m$/)
                .optional(),
              labels: z.strictObject({ severity: z.enum(["info", "warning", "critical"]) }),
              annotations: z.strictObject({
                summary: z.string(),
                description: z.string().optional(),
              }),
            }),
          )
          .min(8),
      }),
    ),
  });
  const rules: unknown = parse(
    readFileSync(new URL("docs/prometheus/tracer.rules.yml", ROOT), "utf8"),
  );
  expect(Rules.safeParse(rules).error).toBeUndefined();
});
