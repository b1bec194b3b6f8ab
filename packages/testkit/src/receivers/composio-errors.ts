import type { Answer } from "./receiver.ts";

const ERRORS = {
  unauthorized: [401, 10401, "HTTP_Unauthorized", "Invalid API key"],
  not_found: [404, 10404, "HTTP_NotFound", "Not found"],
  tool_not_found: [400, 4301, "ToolRouterV2_ToolNotFound", "Tool not found"],
  no_active_connection: [
    400,
    4302,
    "ToolRouterV2_NoActiveConnection",
    "No active connection found for the toolkit",
  ],
  invalid_connected_account: [
    400,
    4306,
    "ToolRouterV2_InvalidConnectedAccountIds",
    "The connected accounts do not exist",
  ],
  toolkit_not_allowed: [
    400,
    4324,
    "ToolRouterV2_ToolkitNotAllowed",
    "The toolkit is not part of the session",
  ],
} as const;

/** The body and the status of an error as Composio sends it. */
export function composioError(name: keyof typeof ERRORS, otherStatus?: number): Answer {
  const [status, code, slug, message] = ERRORS[name];
  const error = {
    message,
    code,
    slug,
    status: otherStatus ?? status,
    request_id: "req_test",
    suggested_fix: "",
  };
  return { status: otherStatus ?? status, body: { error } };
}
