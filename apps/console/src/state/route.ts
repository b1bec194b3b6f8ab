/** Where the reader is: the page's name, what it is about, and what the address asks for. */
export interface Route {
  readonly page: string;
  /** Of an incident; else "". */
  readonly id: string;
  readonly query: URLSearchParams;
}

/** @param pathname of the address @param root pathname at which Tracer's own begin, with a slash at the end */
export function routeOf(pathname: string, search: string, root: string): Route {
  const path = pathname.startsWith(root) ? pathname.slice(root.length) : "";
  const [page = "", id = ""] = path.split("/");
  return { page, id: decoded(id), query: new URLSearchParams(search) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
