import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** The house's own rules, checked on every file that git knows. A check that looked at nothing fails. */

interface Row {
  readonly workspace: readonly string[];
  readonly npm: readonly string[];
  readonly node: readonly string[] | "any";
}

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  encoding: "utf8",
})
  .split("\n")
  .filter((path) => path !== "");
const sources = files.filter((path) => /^(apps\/processor|packages)\/.*\.ts$/.test(path));
const product = sources.filter((path) => !isTest(path));

function isTest(path: string): boolean {
  return /\.test(-helper)?\.ts$|\/(bench|e2e|fuzz|torture|wasm)\/|^packages\/testkit\//.test(path);
}

function read(path: string): string {
  return readFileSync(path, "utf8");
}

/** Rows of the table in docs/architecture.md, by folder. */
function importTable(): Map<string, Row> {
  const rows = new Map<string, Row>();
  const list = (cell: string) => (cell === "–" ? [] : cell.split(/,\s*/));
  for (const line of read("docs/architecture.md").split("\n")) {
    const cells = line.split("|").map((cell) => cell.trim());
    const [, folder = "", workspace = "", npm = "", node = ""] = cells;
    if (!/^(packages|apps)\/[a-z]+$/.test(folder)) continue;
    rows.set(folder, {
      workspace: list(workspace),
      npm: list(npm),
      node: node === "any" ? "any" : list(node),
    });
  }
  return rows;
}

function importsOf(source: string): string[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s+["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)|(?:^|\n)import\s+["']([^"']+)["']/g;
  return [...source.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}

function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

function isAllowed(path: string, specifier: string, row: Row, extra: readonly string[]): boolean {
  if (specifier.startsWith(".")) {
    const folder = path.split("/").slice(0, 2).join("/");
    const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
    return target.startsWith(`${folder}/`);
  }
  if (specifier.startsWith("node:")) return row.node === "any" || row.node.includes(specifier);
  const name = packageOf(specifier);
  if (name.startsWith("@tracer/")) {
    const short = name.slice("@tracer/".length);
    return specifier === name && (row.workspace.includes(short) || extra.includes(name));
  }
  return row.npm.includes(name) || extra.includes(name);
}

test("the checks look at the product", () => {
  expect(product.length).toBeGreaterThan(60);
  expect(importTable().size).toBe(7);
  const imports = product.flatMap((path) => importsOf(read(path)));
  expect(imports.length).toBeGreaterThan(200);
  expect(imports).toContain("@tracer/store");
});

test("every import is in the table of docs/architecture.md", () => {
  const table = importTable();
  const wrong: string[] = [];
  for (const path of sources) {
    const folder = path.split("/").slice(0, 2).join("/");
    const row = table.get(folder);
    if (row === undefined) {
      wrong.push(`${path}: ${folder} has no row`);
      continue;
    }
    const test = isTest(path);
    const extra = test ? devDependenciesOf(folder) : [];
    const everything = test ? { ...row, node: "any" as const } : row;
    for (const specifier of importsOf(read(path))) {
      if (!isAllowed(path, specifier, everything, extra)) wrong.push(`${path}: ${specifier}`);
    }
  }
  expect(wrong).toEqual([]);
});

function devDependenciesOf(folder: string): string[] {
  const parsed: unknown = JSON.parse(read(`${folder}/package.json`));
  const named = (key: string) => {
    if (typeof parsed !== "object" || parsed === null || !(key in parsed)) return [];
    const value = Object.entries(parsed).find(([name]) => name === key)?.[1];
    return typeof value === "object" && value !== null ? Object.keys(value) : [];
  };
  return [...named("devDependencies"), ...named("dependencies"), "vitest"];
}

/** What stands where; the pattern is looked for in code without comments and strings. */
const BANNED: readonly { what: string; pattern: RegExp; allowed: RegExp; inTexts?: boolean }[] = [
  { what: "`as` (save `as const`)", pattern: /[\w)\]}>] as (?!const\b)[\w{[(]/, allowed: /^$/ },
  { what: "`any`", pattern: /[:<]\s*any\b/, allowed: /^$/ },
  {
    what: "the machine's clock",
    pattern: /\bDate\.now\(|performance\.now\(|new Date\(\)/,
    allowed: /core\/src\/clock\.ts$|packages\/store\/src\/(embedded|folder-lock)|commands\/demo/,
  },
  { what: "the environment", pattern: /process\.env\b/, allowed: /src\/(main|config)\.ts$/ },
  { what: "console", pattern: /\bconsole\.(log|error|warn|info)\(/, allowed: /^$/ },
  { what: "process.exit", pattern: /process\.exit\b/, allowed: /src\/main\.ts$/ },
  { what: "signal handlers", pattern: /process\.on\(/, allowed: /src\/main\.ts$/ },
  { what: "Math.random", pattern: /Math\.random\b/, allowed: /src\/(loop|dispatching)\.ts$/ },
  { what: "default exports", pattern: /^export default\b/m, allowed: /^$/ },
  {
    what: "SQL's now(), frozen at BEGIN",
    pattern: /(?<!\.)\bnow\(\)/i,
    inTexts: true,
    allowed: /^packages\/(core|detect|ingest|notify)\/|^apps\//,
  },
];

/** The source with comments and, unless `keepTexts`, the insides of strings and templates blanked out. */
function codeOf(source: string, { keepTexts = false } = {}): string {
  const pattern =
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|\$\{[^}]*\}|[^`\\])*`/g;
  return source.replace(pattern, (found) => {
    const isComment = found.startsWith("/");
    return isComment || !keepTexts ? found.replace(/[^\n]/g, " ") : found;
  });
}

test("nothing banned stands in the product", () => {
  const wrong: string[] = [];
  for (const path of product) {
    const source = read(path);
    for (const { what, pattern, allowed, inTexts } of BANNED) {
      if (allowed.test(path)) continue;
      const lines = codeOf(source, { keepTexts: inTexts === true }).split("\n");
      lines.forEach((line, index) => {
        const code = /^\s*(import|export)\b/.test(line) ? "" : line;
        if (pattern.test(code)) wrong.push(`${path}:${index + 1}: ${what}`);
      });
    }
  }
  expect(wrong).toEqual([]);
});

test("files stay small enough to hold in the head", () => {
  const long = product.filter((path) => read(path).split("\n").length > 420);
  expect(long).toEqual([]);
});

test("no test is skipped, focused or left for later", () => {
  const tests = sources.filter((path) => path.endsWith(".test.ts"));
  expect(tests.length).toBeGreaterThan(20);
  const wrong = tests.filter((path) =>
    /\b(test|it|describe)\.(skip|only|todo|fails)\b/.test(read(path)),
  );
  expect(wrong).toEqual([]);
});

test("no committed file names a registry's host or a path of one machine", () => {
  const text = files.filter((path) => !/\.(png|ico|svg)$/.test(path) && path !== "tidy.test.ts");
  expect(text.length).toBeGreaterThan(100);
  const wrong = text.filter((path) => /registry\.npmjs|\/work\/main|\/root\//.test(read(path)));
  expect(wrong).toEqual([]);
});
