import { createHash } from "node:crypto";
import type { SessionStore } from "@tracer/notify";
import * as store from "@tracer/store";
import { z } from "zod";

/** What a session of Composio is for. Another key, user or set of toolkits is another session. */
export interface ComposioKey {
  readonly apiKey: string;
  readonly baseUrl: string;
  readonly userId: string;
  readonly toolkits: readonly string[];
}

/** Whose connected accounts: of one project of Composio, which the key stands for, and one user of it. */
export type ComposioUser = Omit<ComposioKey, "toolkits">;

const Session = z.object({ sessionId: z.string().min(1) });
const Account = z.object({ accountId: z.string().min(1) });

/**
 * Sessions in the database, so that a restart and other processors use the same. Under another account than it was
 * made with, a session is another one.
 */
export function composioSessions(db: store.Executor): (key: ComposioKey) => SessionStore {
  return (key) => {
    const accounts = () => connectedAccounts(db, key);
    const nameOf = async () => {
      const used = Object.entries(await accounts()).filter(([name]) => key.toolkits.includes(name));
      return `composio:session:${digest([key.baseUrl, key.apiKey, key.userId, key.toolkits, used.toSorted()])}`;
    };
    return {
      accounts,
      async load() {
        const kept = Session.safeParse(await store.readKept(db, await nameOf()));
        return kept.success ? kept.data.sessionId : null;
      },
      async save(sessionId) {
        await store.keep(db, await nameOf(), { sessionId });
      },
    };
  };
}

/** The account that `tracer connect` made last, by toolkit. */
export async function connectedAccounts(
  db: store.Executor,
  user: ComposioUser,
): Promise<Readonly<Record<string, string>>> {
  const prefix = accountPrefix(user);
  const rows = await store.listKept(db, prefix);
  return Object.fromEntries(
    rows.flatMap(({ name, value }) => {
      const account = Account.safeParse(value);
      return account.success ? [[name.slice(prefix.length), account.data.accountId]] : [];
    }),
  );
}

/** From now on the account of this toolkit is the one to use. */
export async function keepAccount(
  db: store.Executor,
  {
    toolkit,
    accountId,
    ...user
  }: ComposioUser & { readonly toolkit: string; readonly accountId: string },
): Promise<void> {
  await store.keep(db, `${accountPrefix(user)}${toolkit}`, { accountId });
}

function accountPrefix({ apiKey, baseUrl, userId }: ComposioUser): string {
  return `composio:account:${digest([baseUrl, apiKey, userId])}:`;
}

/** The key is a secret: what stands in the database is not to give it away. */
function digest(parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}
