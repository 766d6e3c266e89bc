// The head of every page: where one is, the switches, the way out.

import { LANGUAGES } from "../pure/language.js";
import { pagesOf } from "../pure/routes.js";
import { html } from "./html.js";
import { choose, language, theme, THEMES, useText } from "./preferences.js";
import { Notices } from "./notices.js";
import { go } from "./navigation.js";
import { useStore } from "./store.js";

export function Switches() {
  const t = useText();
  return html`<div class="switches">
    <label><span class="unseen">${t("language")}</span>
      <select value=${useStore(language)} onChange=${(event) => choose("language", event.target.value)}>
        ${Object.entries(LANGUAGES).map(([key, one]) => html`<option key=${key} value=${key} lang=${key}>${one.name}</option>`)}
      </select></label>
    <label><span class="unseen">${t("theme")}</span>
      <select value=${useStore(theme)} onChange=${(event) => choose("theme", event.target.value)}>
        ${THEMES.map((one) => html`<option key=${one} value=${one}>${t(`theme.${one}`)}</option>`)}
      </select></label>
  </div>`;
}

export function Frame({ session, page, signOut, children }) {
  const t = useText();
  const pages = pagesOf(session);
  const follow = (event, to) => {
    event.preventDefault();
    go(to);
  };
  return html`<div class="frame">
    <a class="skip" href="#main">${t("skip")}</a>
    <header class="top">
      <strong class="brand">callbridge</strong>
      <nav aria-label=${t("pages")}>
        ${pages.map(
          (one) => html`<a key=${one} href=${`/${one}`} aria-current=${one === page ? "page" : undefined}
            onClick=${(event) => follow(event, `/${one}`)}>${t(`page.${one}`)}</a>`,
        )}
      </nav>
      <${Switches} />
      <span class="who">${session.name || session.user}</span>
      <button type="button" class="quiet" onClick=${signOut}>${t("sign_out")}</button>
    </header>
    <main id="main" tabindex="-1">${children}</main>
    <${Notices} />
  </div>`;
}
