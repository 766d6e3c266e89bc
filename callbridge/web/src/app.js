// Which page is shown, and to whom.

import { useEffect, useRef, useState } from "preact/hooks";
import { get, onSessionEnd, request } from "./net/api.js";
import { AgentPage } from "./pages/agent.js";
import { LoginPage } from "./pages/login.js";
import { SupervisorPage } from "./pages/supervisor.js";
import { WallPage } from "./pages/wall.js";
import { Frame } from "./parts/frame.js";
import { html } from "./parts/html.js";
import { go, pathname } from "./parts/navigation.js";
import { suggestLanguage, useText } from "./parts/preferences.js";
import { useStore } from "./parts/store.js";
import { homeOf, localPath, pageOf, pagesOf } from "./pure/routes.js";

export function App() {
  const { page, name } = pageOf(useStore(pathname));
  if (page === "wall") return html`<${WallPage} key=${name} name=${name} />`;
  return html`<${SignedIn} page=${page} name=${name} />`;
}

function SignedIn({ page, name }) {
  const t = useText();
  const [session, setSession] = useState(undefined);
  const [away, setAway] = useState(false);
  const [signOn, setSignOn] = useState("");
  const [ended, setEnded] = useState("");
  const known = useRef(false); // whether somebody is logged in, as far as this page knows

  function signedIn(next) {
    known.current = true;
    setEnded("");
    suggestLanguage(next.language);
    setSession(next);
  }

  // Also asked when a stream is refused: only the server's own word that nobody is logged in leads to the log-in.
  async function look() {
    try {
      signedIn(await get("/api/session"));
      setAway(false);
    } catch (problem) {
      if (problem.status === 401) {
        setSignOn(localPath(problem.body.sign_on));
        if (known.current) setEnded((said) => said || "login.ended");
        known.current = false;
        setSession(null);
      }
      setAway(problem.status !== 401);
    }
  }

  useEffect(() => {
    onSessionEnd(() => {
      setEnded((said) => (known.current || said ? "login.ended.action" : "")); // nothing after signing out here
      look();
    });
    look();
  }, []);
  useEffect(() => {
    if (!away) return undefined;
    const again = setTimeout(look, 3000);
    return () => clearTimeout(again);
  });

  async function signOut() {
    await request("DELETE", "/api/session").catch(() => {});
    known.current = false;
    setSession(null);
    go("/", { replace: true });
    look();
  }

  if (session === null) return html`<${LoginPage} signedIn=${signedIn} signOn=${signOn} ended=${ended} />`;
  if (!session) return html`<p class="please-wait" role="status">${t(away ? "problem.unreachable" : "stale.connecting")}</p>`;
  if (!pagesOf(session).includes(page)) return html`<${Redirect} to=${homeOf(session)} />`;
  const Page = { agent: AgentPage, supervisor: SupervisorPage }[page] || LaterPage;
  return html`<${Frame} session=${session} page=${page} signOut=${signOut}>
    <${Page} session=${session} expired=${look} page=${page} name=${name} />
  <//>`;
}

/** Pages that are loaded when somebody opens them. */
const LATER = {
  reports: () => import("./pages/reports.js"),
  calls: () => import("./pages/calls.js"),
  quality: () => import("./pages/quality.js"),
};

function LaterPage({ page, ...rest }) {
  const t = useText();
  const [loaded, setLoaded] = useState({ page: "", Page: null });
  useEffect(() => {
    LATER[page]().then(
      (module) => setLoaded({ page, Page: module.default }),
      () => setLoaded({ page, Page: NotLoaded }), // the server was updated, and has this part under another name
    );
  }, [page]);
  if (loaded.page !== page) return html`<p class="please-wait" role="status">${t("stale.connecting")}</p>`;
  return html`<${loaded.Page} ...${rest} />`;
}

function NotLoaded() {
  const t = useText();
  return html`<p class="problem" role="alert">${t("page.not_loaded")}
    <button type="button" onClick=${() => location.reload()}>${t("page.reload")}</button></p>`;
}

function Redirect({ to }) {
  useEffect(() => {
    go(to, { replace: true });
  }, [to]);
  return null;
}
