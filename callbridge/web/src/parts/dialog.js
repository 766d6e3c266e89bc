// Dialogs: the browser's own, which keep the focus inside, close on Escape and give the focus back.

import { useEffect, useRef, useState } from "preact/hooks";
import { sentenceIn } from "../pure/explanation.js";
import { html } from "./html.js";
import { useText } from "./preferences.js";

let ids = 0;

/** `onClose`: a browser may close a dialog by itself at a second Escape, whatever `onCancel` says. */
export function Dialog({ title, close, wide, children }) {
  const box = useRef(null);
  const [id] = useState(() => `dialog-${++ids}`);
  const t = useText();
  useEffect(() => {
    const before = document.activeElement;
    box.current.showModal();
    return () => before?.isConnected && before.focus();
  }, []);
  return html`<dialog ref=${box} class=${wide ? "wide" : ""} aria-labelledby=${id} onCancel=${(event) => event.preventDefault() || close()}
    onClose=${close}>
    <header class="row">
      <h2 id=${id}>${title}</h2>
      <button type="button" class="quiet" aria-label=${t("close")} onClick=${close}>✕</button>
    </header>
    ${children}
  </dialog>`;
}

/** A form in a dialog: `send()` carries it out, and a refusal is shown in the server's own words. */
export function ActDialog({ title, verb, danger, close, send, children }) {
  const t = useText();
  const [state, setState] = useState({ busy: false, problem: null });
  async function submit(event) {
    event.preventDefault();
    setState({ busy: true, problem: null });
    try {
      await send(Object.fromEntries(new FormData(event.target)));
      close();
    } catch (problem) {
      setState({ busy: false, problem });
    }
  }
  return html`<${Dialog} title=${title} close=${close}>
    <form onSubmit=${submit}>
      ${children}
      ${state.problem && html`<p class="problem" role="alert">${problemText(t, state.problem)}</p>`}
      <footer class="row end">
        <button type="button" onClick=${close}>${t("cancel")}</button>
        <button type="submit" class=${danger ? "danger" : "primary"} disabled=${state.busy}>${verb}</button>
      </footer>
    </form>
  <//>`;
}

export function problemText(t, problem) {
  if (problem.status === 0) return t("problem.unreachable");
  if (problem.status === 401) return t("problem.signed_out");
  if (problem.status === undefined) return String(problem.message || problem);
  const faults = (problem.body?.faults || []).map((one) =>
    one.field ? t("labelled", { label: fieldText(t, one.field), value: sentenceIn(t.language, { ...one, text: one.problem }) }) : String(one),
  );
  const invalid = problem.status === 400 && faults.length > 0; // then each fault says more than the message
  return [...(invalid ? [] : [sentenceOf(t, problem)]), ...faults].join(" · ");
}

/** Fields of requests have a text; a script's are named by its configuration. */
function fieldText(t, name) {
  const text = t(`field.${name}`);
  return text === `field.${name}` ? name : text;
}

/** The server's own sentence, without the faults that it lists. */
export function sentenceOf(t, problem) {
  return problem.message ? sentenceIn(t.language, { ...problem.body, text: problem.message }) : t("problem.refused");
}
