import { readdir, readFile } from "node:fs/promises";

const PAGES = new URL("../../../docs/shippers/", import.meta.url);

/** A snippet of a page of docs/shippers; `mark` is the word behind its language: run, debian or not-run. */
export interface Snippet {
  readonly page: string;
  readonly language: string;
  readonly mark: string;
  readonly code: string;
}

/** The pages of docs/shippers but for its table, with their text. */
export async function shipperPages(): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(PAGES)).filter((name) => name.endsWith(".md")).sort();
  const pages = names.filter((name) => name !== "README.md");
  return new Map(
    await Promise.all(pages.map(async (name) => [name, await pageText(name)] as const)),
  );
}

export function pageText(name: string): Promise<string> {
  return readFile(new URL(name, PAGES), "utf8");
}

export function snippetsOf(page: string, text: string): Snippet[] {
  return [...text.matchAll(/^```(\S+) ?(\S*)\n(.*?)^```$/gms)].map(
    ([, language = "", mark = "", code = ""]) => ({ page, language, mark, code }),
  );
}

/** The code with the addresses of a Tracer under test in place of the documented ones. */
export function placed(code: string, { url, syslogPort = 0 }: Places): string {
  const { port } = new URL(url);
  return code
    .replaceAll("tracer.example.org", "127.0.0.1")
    .replaceAll("4318", port)
    .replaceAll("5514", String(syslogPort));
}

interface Places {
  readonly url: string;
  readonly syslogPort?: number;
}
