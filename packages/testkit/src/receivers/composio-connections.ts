import type { ComposioState } from "./composio.ts";
import { composioError } from "./composio-errors.ts";
import { type Answer, type RecordedRequest, textField } from "./receiver.ts";

interface Account {
  readonly id: string;
  readonly toolkit: string;
  readonly linkToken: string;
  readonly userId: string;
  status: "INITIATED" | "ACTIVE" | "FAILED" | "EXPIRED";
}

/** Routes about connected accounts. Opening the redirect's page is what a user does to connect. */
export function connectionRoutes(state: ComposioState) {
  const accounts = [...state.connected].map((toolkit) => active(toolkit));
  const shown = (account: Account) => ({
    id: account.id,
    toolkit: { slug: account.toolkit },
    status: account.status,
    status_reason: account.status === "FAILED" ? "access_denied" : null,
    user_id: account.userId,
    auth_config: {
      id: `ac_${account.toolkit}`,
      auth_scheme: "OAUTH2",
      is_composio_managed: true,
      is_disabled: false,
    },
    is_disabled: false,
    data: {},
    created_at: "2026-11-22T00:00:00Z",
    updated_at: "2026-11-22T00:00:00Z",
  });
  return {
    toolkits(toolkits: readonly string[]): Answer {
      const items = toolkits.map((slug) => {
        const account = accounts.find((one) => one.toolkit === slug && one.status === "ACTIVE");
        const connected = state.connected.has(slug) ? shown(account ?? active(slug)) : null;
        return { slug, name: slug, is_no_auth: false, connected_account: connected };
      });
      return {
        status: 200,
        body: { items, total_pages: 1, current_page: 1, total_items: items.length },
      };
    },
    /** Whether every account that a session names exists. */
    areThere: (ids: readonly string[]) => ids.every((id) => accounts.some((one) => one.id === id)),
    link(request: RecordedRequest, userId: string): Answer {
      const number = accounts.length + 1;
      const account: Account = {
        id: `ca_link${number}`,
        toolkit: textField(request.body, "toolkit"),
        linkToken: `lt_${number}`,
        userId,
        status: "INITIATED",
      };
      accounts.push(account);
      const body = {
        link_token: account.linkToken,
        redirect_url: `http://${request.headers["host"]}/link/${account.linkToken}`,
        connected_account_id: account.id,
      };
      return { status: 201, body };
    },
    page(request: RecordedRequest): Answer {
      const account = accounts.find(({ linkToken }) => request.path === `/link/${linkToken}`);
      if (account === undefined) return { status: 404, body: "unknown link" };
      if (request.query["deny"] !== undefined) {
        account.status = "FAILED";
        return { status: 200, body: "denied" };
      }
      account.status = "ACTIVE";
      state.connected.add(account.toolkit);
      state.revoked.delete(account.toolkit);
      return { status: 200, body: "connected" };
    },
    accounts(request: RecordedRequest): Answer {
      const id = request.path.split("/")[4];
      if (id === undefined) {
        const user = request.query["user_ids"] ?? request.query["user_ids[]"];
        const items = accounts
          .filter(({ userId }) => user === undefined || userId === "" || userId === user)
          .map(shown);
        return { status: 200, body: { items, total_pages: 1, current_page: 1, next_cursor: null } };
      }
      const account = accounts.find((one) => one.id === id);
      if (account === undefined) return composioError("not_found");
      if (request.method === "DELETE") {
        accounts.splice(accounts.indexOf(account), 1);
        const isLast = !accounts.some(
          ({ toolkit, status }) => toolkit === account.toolkit && status === "ACTIVE",
        );
        if (isLast) state.connected.delete(account.toolkit);
        return { status: 200, body: { success: true } };
      }
      return { status: 200, body: shown(account) };
    },
  };
}

function active(toolkit: string): Account {
  return { id: `ca_${toolkit}`, toolkit, linkToken: "", userId: "", status: "ACTIVE" };
}
