/** What a key may do: send records; see; act on what is seen, and see it; everything. */
export type Scope = "ingest" | "read" | "operate" | "admin";

/** Who is calling. */
export interface Caller {
  /** Of the key: what is limited by key is limited by this. `""` without keys. */
  readonly id: string;
  readonly project: string;
  /** Who it is, for people: what is made by this caller carries it. */
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Every record that it sends counts as this service's. Not given: as the record says. */
  readonly pinnedService?: string;
}

/** The project whose administrators look after all others as well. */
export const DEFAULT_PROJECT = "default";

/** Without keys whoever can connect may do everything. */
export const EVERYONE: Caller = {
  id: "",
  project: DEFAULT_PROJECT,
  name: "loopback",
  scopes: ["ingest", "read", "operate", "admin"],
};

/** Nobody yet: of routes that need no key. */
export const NOBODY: Caller = { id: "", project: "", name: "", scopes: [] };

/** Whether a key's rights include one. */
export function mayDo({ scopes }: Caller, scope: Scope): boolean {
  if (scopes.includes(scope) || scopes.includes("admin")) return true;
  return scope === "read" && scopes.includes("operate"); // Who acts on a thing has to see it.
}
