import { SampleIncident } from "../components/sample-incident.tsx";
import { Snippets } from "../components/snippets.tsx";
import { useTitle } from "../components/text.tsx";

/** How records get here, also for whoever is long past the first run. */
export function Page() {
  useTitle("Send logs");
  return (
    <>
      <h1>Send logs</h1>
      <section class="panel pad" aria-labelledby="ship-title">
        <h2 id="ship-title">From what you already run</h2>
        <p class="hint">
          Change one URL. Tracer tells protocols apart by path, and undoes compression.
        </p>
        <Snippets all />
      </section>
      <section class="panel pad" aria-labelledby="sample-title">
        <h2 id="sample-title">A sample incident</h2>
        <SampleIncident />
      </section>
    </>
  );
}
