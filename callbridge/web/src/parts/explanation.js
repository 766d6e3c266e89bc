// Why a caller waits, an agent gets no calls, or what happened to a call: the server's sentences. They number the callers
// themselves, and what belongs to a caller is indented.

import { useEffect, useState } from "preact/hooks";
import { get, segment } from "../net/api.js";
import { explained } from "../pure/explanation.js";
import { Dialog, problemText } from "./dialog.js";
import { html } from "./html.js";
import { Empty } from "./marks.js";
import { useLanguage, useRegion, useText } from "./preferences.js";

export function Explanation({ kind, name, label, close }) {
  const t = useText();
  const speaks = useRegion();
  const language = useLanguage();
  const [found, setFound] = useState(null);
  const [problem, setProblem] = useState(null);
  useEffect(() => {
    get(`/api/explain/${kind}/${segment(name)}`).then(setFound, setProblem);
  }, [kind, name]);
  const time = (at) => new Date(at * 1000).toLocaleTimeString(speaks, { hourCycle: "h23" });
  return html`<${Dialog} title=${`${t("explain")} – ${label || name}`} close=${close} wide>
    ${problem && html`<p class="problem" role="alert">${problemText(t, problem)}</p>`}
    ${!found && !problem && html`<${Empty}>${t("stale.connecting")}<//>`}
    ${found &&
    html`<ul class="plain lines">${found.lines.map(
      (line, index) => html`<li key=${index} class=${line.text.startsWith(" ") ? "inner" : ""}>${line.at ? html`<time>${time(line.at)}</time> ` : ""}${explained(language, line)}</li>`,
    )}</ul>`}
    ${found && found.lines.length === 0 && html`<${Empty}>${t("explain.nothing")}<//>`}
  <//>`;
}
