import { render } from "preact";
import { Later } from "./components/later.tsx";
import { Login } from "./components/login.tsx";
import { Shell } from "./components/shell.tsx";
import { Empty, Link } from "./components/text.tsx";
import { IncidentPage } from "./pages/incident.tsx";
import { Overview } from "./pages/overview.tsx";
import { AppProvider, startApp, useApp } from "./state/app.ts";
import "./style/base.css";
import "./style/shell.css";
import "./style/incidents.css";
import "./style/lists.css";

/** What is not on the way from an alert to its incident is loaded when it is wanted. */
const LATER = {
  services: () => import("./pages/services.tsx"),
  service: () => import("./pages/service.tsx"),
  silences: () => import("./pages/silences.tsx"),
  channels: () => import("./pages/channels.tsx"),
  deliveries: () => import("./pages/deliveries.tsx"),
  backtest: () => import("./pages/backtest.tsx"),
  send: () => import("./pages/send.tsx"),
  settings: () => import("./pages/settings.tsx"),
} as const;

function Page() {
  const { route } = useApp();
  const { page, id } = route.value;
  if (page === "") return <Overview />;
  if (page === "i") return <IncidentPage key={id} id={id} />;
  const load = Object.entries(LATER).find(([name]) => name === page)?.[1];
  if (load !== undefined) return <Later key={page} load={load} />;
  return (
    <>
      <h1>Nothing here</h1>
      <Empty title="There is no page at this address.">
        <p>
          <Link to="">To the overview</Link>
        </p>
      </Empty>
    </>
  );
}

function Root() {
  const { locked } = useApp();
  return <Shell>{locked.value === null ? <Page /> : <Login />}</Shell>;
}

const place = document.getElementById("app");
const app = startApp(new URL(document.documentElement.dataset["root"] ?? "./", location.href));
if (place !== null) {
  place.replaceChildren(); // What the server wrote for those without scripts.
  render(
    <AppProvider value={app}>
      <Root />
    </AppProvider>,
    place,
  );
}
