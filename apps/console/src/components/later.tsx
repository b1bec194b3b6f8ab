import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

/** A page of its own file; it exports nothing but `Page`. */
export function Later({
  load,
}: {
  readonly load: () => Promise<{ readonly Page: ComponentType }>;
}) {
  const [loaded, setLoaded] = useState<{ Page: ComponentType } | null>(null);
  const [isLost, setLost] = useState(false);
  useEffect(() => {
    load().then(setLoaded, () => setLost(true));
  }, []);
  if (isLost) {
    return (
      <p class="failure" role="alert">
        This page could not be loaded. Tracer may have been updated: load it again.
      </p>
    );
  }
  return loaded === null ? null : <loaded.Page />;
}
