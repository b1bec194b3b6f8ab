import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { reasonOf } from "../api/client.ts";
import { useApp } from "./app.ts";

export interface Resource<Data> {
  /** What was read last; null before. */
  readonly data: Data | null;
  /** Why the last reading failed; null when it did not. */
  readonly error: string | null;
  readonly reload: () => void;
}

export interface ResourceOptions {
  /** Asked again after this long, while somebody looks. Default: 10 s. */
  readonly pollMs?: number;
  /** Asked again when incidents change. */
  readonly live?: boolean;
}

/** While there is no stream, polls come at least this often. */
const POLL_ALONE_MS = 3_000;
/** An answer that took long is not asked for again at once: this many times as long passes first. */
const REST_FACTOR = 5;

/** What `load` answers, kept fresh. `key` names it: another key is another thing. */
export function useResource<Data>(
  key: string,
  load: () => Promise<Data>,
  { pollMs = 10_000, live = false }: ResourceOptions = {},
): Resource<Data> {
  const app = useApp();
  const [state, setState] = useState<{ key: string; data: Data | null; error: string | null }>({
    ...{ key, data: null, error: null },
  });
  const loader = useRef(load);
  loader.current = load;
  const wake = useRef(() => {});
  const changes = live ? app.changed.value : 0;
  const isAlone = app.link.value === "reconnecting";
  const everyMs = isAlone ? Math.min(pollMs, POLL_ALONE_MS) : pollMs;
  const isLocked = app.locked.value !== null;

  useEffect(() => {
    if (isLocked) return;
    let isOver = false;
    let timer = 0;
    let busy = false;
    let again = false;
    const look = async () => {
      if (busy) {
        again = true;
        return;
      }
      clearTimeout(timer);
      busy = true;
      again = false;
      const beganMs = performance.now();
      try {
        const data = await loader.current();
        if (!isOver) setState({ key, data, error: null });
      } catch (error) {
        if (!isOver && !app.refused(error)) {
          setState((held) => ({
            ...(held.key === key ? held : { key, data: null }),
            error: reasonOf(error),
          }));
        }
      }
      busy = false;
      if (isOver) return;
      const restMs = (performance.now() - beganMs) * REST_FACTOR;
      timer = window.setTimeout(look, again ? restMs : Math.max(everyMs, restMs));
    };
    const onVisible = () => {
      if (!document.hidden) void look();
    };
    wake.current = () => void look();
    document.addEventListener("visibilitychange", onVisible);
    void look();
    return () => {
      isOver = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisible);
    };
  }, [key, everyMs, isLocked]);

  const seen = useRef(changes);
  useEffect(() => {
    if (seen.current === changes) return;
    seen.current = changes;
    wake.current();
  }, [changes]);
  const reload = useCallback(() => wake.current(), []);
  return state.key === key
    ? { data: state.data, error: state.error, reload }
    : { data: null, error: null, reload };
}
