import { setTimeout as pause } from "node:timers/promises";
import { systemClock, TracerError } from "@tracer/core";
import type { ConnectedAccount } from "@tracer/notify";
import { readConfig } from "../config.ts";
import { Exit } from "../exit.ts";
import {
  type ComposioAccess,
  composioAccess,
  storeAccount,
  storedAccounts,
} from "./composio-accounts.ts";
import type { CommandContext } from "./context.ts";

const POLL_MS = 2_000;
/** Composio's links live about as long. */
const WAIT_MS_MAX = 600_000;
/** `slack` acts as the person who connects it; alerts come from a bot. */
const MEANT: Readonly<Record<string, string>> = { slack: "slackbot" };

/**
 * Connects a toolkit of Composio: prints the link, waits until somebody has opened it, makes sure by one real read that
 * it works, and keeps which account it is. What is half made when it is stopped or fails is removed again.
 */
export async function connect(
  context: CommandContext,
  { toolkit: asked = "", asUser = false }: { toolkit?: string; asUser?: boolean },
): Promise<Exit> {
  const { environment, stdout, stderr, stop } = context;
  const config = readConfig(environment);
  const access = composioAccess(config);
  const toolkit = asUser ? asked : (MEANT[asked] ?? asked);
  if (!/^[a-z0-9_-]{1,63}$/u.test(toolkit)) {
    stderr.write("A toolkit's name is small letters, digits, - and _, such as slack or jira.\n");
    return Exit.usage;
  }
  const { connector, user } = access;
  const link = await connector.link(toolkit, stop);
  let isKept = false;
  try {
    stdout.write(`Open this link and grant access to ${toolkit}:\n\n  ${link.url}\n\n`);
    stderr.write("Waiting, at most 10 minutes; Ctrl-C gives up …\n");
    const account = await granted(access, link.accountId, stop);
    if (account === null) {
      stderr.write(stop.aborted ? "Given up.\n" : "Nobody has opened it in time. Run it again.\n");
      return Exit.failed;
    }
    const read = await connector.verify(toolkit, account.id, stop);
    if (read.state === "failed") {
      stderr.write(`${toolkit} was connected, but cannot be used: ${read.detail}; ${read.fix}\n`);
      return Exit.failed;
    }
    isKept = true;
    const certain =
      read.state === "ok" ? `verified: it ${read.detail}` : `not verified: ${read.detail}`;
    stdout.write(`Connected ${toolkit} as ${account.id} (${certain}).\n`);
    const isStored = await storeAccount(context, config, {
      ...user,
      toolkit,
      accountId: account.id,
    });
    if (!isStored) {
      stderr.write(
        "It could not be noted which account it is; with a single one it is found all the same.\n",
      );
      return Exit.failed;
    }
    stdout.write(nextText(toolkit));
    return Exit.ok;
  } finally {
    if (!isKept) await tidied(access, link.accountId, context);
  }
}

/** Every connected account of the user, and which of them Tracer uses. */
export async function connections(
  context: CommandContext,
  { json = false }: { json?: boolean },
): Promise<Exit> {
  const { environment, stdout, stop } = context;
  const config = readConfig(environment);
  const { connector, user } = composioAccess(config);
  const [accounts, used] = await Promise.all([
    connector.list(stop),
    storedAccounts(context, config, user),
  ]);
  const shown = accounts.map((account) => ({
    ...account,
    used: used[account.toolkit] === account.id,
  }));
  if (json) {
    stdout.write(`${JSON.stringify({ userId: user.userId, connections: shown }, null, 2)}\n`);
    return Exit.ok;
  }
  if (shown.length === 0) {
    stdout.write(`${user.userId} has no connections. Make one: tracer connect slack\n`);
  }
  for (const { toolkit, status, id, used: isUsed, reason } of shown) {
    const notes = [isUsed ? "used" : "", reason ?? ""].filter((note) => note !== "");
    const end = notes.length === 0 ? "" : `  (${notes.join("; ")})`;
    stdout.write(`${toolkit.padEnd(18)}  ${status.padEnd(12)}  ${id}${end}\n`);
  }
  return Exit.ok;
}

/** Null: stopped, or not in time. Throws CONNECT_FAILED when it was refused. */
async function granted(
  { connector }: ComposioAccess,
  accountId: string,
  stop: AbortSignal,
): Promise<ConnectedAccount | null> {
  const startedMs = systemClock.monotonicMs();
  while (!stop.aborted && systemClock.monotonicMs() - startedMs < WAIT_MS_MAX) {
    const account = await connector.account(accountId, stop).catch((error: unknown) => {
      if (isPassing(error)) return null; // A look that failed says nothing of the grant.
      throw error;
    });
    if (account?.status === "ACTIVE") return account;
    if (account !== null && /^(?:FAILED|EXPIRED|REVOKED)$/u.test(account.status)) {
      const reason = account.reason === null ? "" : `: ${account.reason}`;
      throw new TracerError(
        "CONNECT_FAILED",
        `The connection is ${account.status}${reason}. Run it again.`,
      );
    }
    await pause(POLL_MS, null, { signal: stop }).catch(() => null);
  }
  return null;
}

function isPassing(error: unknown): boolean {
  if (!(error instanceof TracerError) || error.code !== "CONNECT_FAILED") return false;
  const { details } = error;
  return (
    typeof details === "object" &&
    details !== null &&
    "isPassing" in details &&
    details.isPassing === true
  );
}

async function tidied(
  { connector }: ComposioAccess,
  accountId: string,
  { stderr }: CommandContext,
): Promise<void> {
  try {
    await connector.remove(accountId);
  } catch {
    stderr.write(
      `What was half made could not be removed: remove ${accountId} in Composio by hand.\n`,
    );
  }
}

function nextText(toolkit: string): string {
  if (toolkit === "slackbot") {
    return "Invite the bot to the channel, set COMPOSIO_SLACK_CHANNEL to its id, then: tracer send-test composio-slack\n";
  }
  return `docs/composio.md shows a channel for it; then: tracer send-test NAME\n`;
}
