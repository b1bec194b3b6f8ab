/** Maps and arrays inside each other that are shown; deeper ones become `…`. */
export const SHOWN_DEPTH_MAX = 20;

/**
 * An AnyValue of OTLP's JSON as plain JSON: `{"intValue":"7"}` is 7. A value without its wrapper stands for
 * itself: some senders leave it out. Of several members the last counts.
 */
export function plainValue(any: unknown, depth = 0): unknown {
  if (typeof any !== "object" || any === null || Array.isArray(any)) return any ?? null;
  let plain: unknown = null;
  for (const [key, value] of Object.entries(any)) {
    const member = MEMBERS.get(key);
    if (member !== undefined && value !== null) plain = plainMember(member, value, depth);
  }
  return plain;
}

type Member = "string" | "bool" | "int" | "double" | "array" | "kvlist" | "bytes";

const MEMBERS: ReadonlyMap<string, Member> = new Map(
  (["string", "bool", "int", "double", "array", "kvlist", "bytes"] as const).flatMap((member) => [
    [`${member}Value`, member] as const,
    [`${member}_value`, member] as const,
  ]),
);

function plainMember(member: Member, value: unknown, depth: number): unknown {
  switch (member) {
    case "string":
    case "bool":
      return value;
    case "int":
    case "double": {
      const number = Number(value);
      const exact = member === "double" ? Number.isFinite(number) : Number.isSafeInteger(number);
      return exact ? number : String(value);
    }
    case "bytes":
      return Buffer.from(String(value), "base64").toString("utf8");
    case "array":
      return depth >= SHOWN_DEPTH_MAX
        ? "…"
        : listOf(value, "values").map((inner) => plainValue(inner, depth + 1));
    case "kvlist":
      return depth >= SHOWN_DEPTH_MAX
        ? "…"
        : Object.fromEntries(pairsOf(listOf(value, "values"), depth + 1));
    default:
      return member satisfies never;
  }
}

/** Key and plain value of each attribute of an object that has `attributes`. */
export function plainAttributes(holder: unknown): [string, unknown][] {
  return pairsOf(listOf(holder, "attributes"), 0);
}

/** The members of an object's array; none when it is something else. */
export function listOf(holder: unknown, key: string): readonly unknown[] {
  const list = memberOf(holder, key);
  return Array.isArray(list) ? list : [];
}

/** A member of what may be an object. */
export function memberOf(holder: unknown, key: string): unknown {
  if (typeof holder !== "object" || holder === null || !Object.hasOwn(holder, key))
    return undefined;
  return Object.getOwnPropertyDescriptor(holder, key)?.value;
}

function pairsOf(list: readonly unknown[], depth: number): [string, unknown][] {
  const pairs: [string, unknown][] = [];
  for (const pair of list) {
    const key = memberOf(pair, "key");
    if (typeof key === "string") pairs.push([key, plainValue(memberOf(pair, "value"), depth)]);
  }
  return pairs;
}

/** What is shown of a plain value. */
export function shownText(plain: unknown): string {
  if (plain === null || plain === undefined) return "";
  return typeof plain === "string" ? plain : JSON.stringify(plain);
}
