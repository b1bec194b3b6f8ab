// Differential fuzzing of the decoders: npx -y pnpm@12.21.0 fuzz [--decoder NAME] [--cases N] [--seed N]
// A case that fails is printed, and kept in cases.json, which the tests run for ever.
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { Checker } from "./check.ts";
import { DIALECT_SUBJECTS } from "./dialects.ts";
import { Random } from "./random.ts";
import { FUZZ_SUBJECTS } from "./subjects.ts";

const CASES = new URL("cases.json", import.meta.url);
const FAILURES_MAX = 5;
const PROGRESS_CASES = 100_000;

const { values } = parseArgs({
  options: {
    decoder: { type: "string" },
    cases: { type: "string", default: "1000000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000_007) },
  },
});
const seed = Number(values.seed);
const cases = Number(values.cases);
const all = [...FUZZ_SUBJECTS, ...DIALECT_SUBJECTS];
const subjects = all.filter(({ name }) => name === (values.decoder ?? name));
if (subjects.length === 0 || !(cases >= 1) || !Number.isInteger(seed)) {
  const names = all.map(({ name }) => name).join(", ");
  process.stderr.write(`--decoder is one of ${names}; --cases and --seed are whole numbers.\n`);
  process.exit(2);
}
process.stdout.write(`seed ${seed}\n`);
for (const subject of subjects) {
  const random = new Random(seed);
  const checker = new Checker();
  const failed: string[] = [];
  let known = 0;
  let done = 0;
  for (; done < cases && failed.length < FAILURES_MAX; done += 1) {
    if (done % PROGRESS_CASES === 0 && done > 0) process.stdout.write(`${subject.name}: ${done}\n`);
    const written = subject.write(random);
    if (written.expected !== null) known += 1;
    try {
      checker.check(subject, written, 1 + random.below(40));
    } catch (error) {
      failed.push(Buffer.from(written.body).toString("base64"));
      process.stdout.write(`case ${done}: ${error instanceof Error ? error.message : error}\n`);
      process.stdout.write(`${JSON.stringify(Buffer.from(written.body).toString("latin1"))}\n`);
    }
  }
  process.stdout.write(
    `${subject.name}: ${done} cases, ${known} with an oracle, ${failed.length} failed\n`,
  );
  if (failed.length === 0) continue;
  process.exitCode = 1;
  const kept: unknown = JSON.parse(await readFile(CASES, "utf8"));
  const before = Array.isArray(kept) ? kept : [];
  const added = failed.map((body) => ({ decoder: subject.name, seed, body }));
  await writeFile(CASES, `${JSON.stringify([...before, ...added], null, 2)}\n`);
}
