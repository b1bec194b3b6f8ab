import type { Pool } from "@tracer/store";

/** The same pool; `onCall` is told how long each query took, from asking for a connection to its end. */
export function timedPool(pool: Pool, onCall: (ms: number) => void): Pool {
  return new Proxy(pool, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      if (name !== "query") return value.bind(target);
      return async (...args: unknown[]) => {
        const startedMs = performance.now();
        try {
          return await Reflect.apply(value, target, args);
        } finally {
          onCall(performance.now() - startedMs);
        }
      };
    },
  });
}
