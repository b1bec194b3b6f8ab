import type { SeriesDirectory } from "./directory.ts";

/** A directory in which every record is of one service, whatever it says; its environment counts. */
export function pinnedTo(
  directory: Pick<SeriesDirectory, "internBytes">,
  service: string,
): Pick<SeriesDirectory, "internBytes"> {
  const bytes = Buffer.from(service);
  return {
    internBytes: (projectId, environment, start, end) =>
      directory.internBytes(projectId, environment, start, end, bytes, 0, bytes.length),
  };
}
