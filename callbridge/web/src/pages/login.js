// The way in: with a name and a password (agents: their id and PIN), with a token, or by the organisation's own log-in.

import { useEffect, useRef, useState } from "preact/hooks";
import { post } from "../net/api.js";
import { problemText } from "../parts/dialog.js";
import { Switches } from "../parts/frame.js";
import { html } from "../parts/html.js";
import { useText } from "../parts/preferences.js";
import { clock } from "../pure/format.js";

export function LoginPage({ signedIn, signOn, ended }) {
  const t = useText();
  const [byToken, setByToken] = useState(false);
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const first = useRef(null);
  useEffect(() => {
    document.title = "callbridge";
    first.current.focus();
  }, [byToken]);

  async function submit(event) {
    event.preventDefault();
    const form = event.target;
    setBusy(true);
    setProblem(null);
    try {
      signedIn(await post("/api/session", Object.fromEntries(new FormData(form))));
    } catch (refused) {
      setProblem(refused);
      setBusy(false);
      form.querySelector("[type=password]")?.select();
    }
  }

  function said() {
    if (problem.status === 401) return t("login.wrong", { minutes: Math.ceil((problem.body.locked_for || 300) / 60) });
    if (problem.status === 429) return t("login.too_many", { time: clock(problem.retryAfter || 60) });
    return problemText(t, problem);
  }

  return html`<main class="login" id="main">
    <h1>callbridge</h1>
    ${ended && !problem && html`<p class="problem" role="alert">${t(ended)}</p>`}
    <form onSubmit=${submit}>
      ${byToken
        ? html`<label key="token">${t("login.token")}<input name="token" ref=${first} type="password" required autocomplete="off" /></label>`
        : html`<label key="user">${t("login.user")}
              <input name="user" ref=${first} required autocomplete="username" autocapitalize="none" spellcheck=${false} /></label>
            <label key="password">${t("login.password")}
              <input name="password" type="password" required autocomplete="current-password" /></label>`}
      ${problem && html`<p class="problem" role="alert">${said()}</p>`}
      <button type="submit" class="primary" disabled=${busy}>${t("login.sign_in")}</button>
      <button type="button" class="quiet" onClick=${() => setByToken(!byToken)}>
        ${t(byToken ? "login.use_password" : "login.use_token")}</button>
    </form>
    ${signOn && html`<a class="sign-on" href=${signOn}>${t("login.sign_on")}</a>`}
    <${Switches} />
  </main>`;
}
