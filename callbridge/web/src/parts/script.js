// The script of the call: one step at a time. Every answer is saved when its field is left, so a tab that is closed loses nothing.

import { useEffect, useState } from "preact/hooks";
import { get, post, segment } from "../net/api.js";
import { nextStep, open, parts, wayTo } from "../pure/script.js";
import { problemText } from "./dialog.js";
import { html } from "./html.js";
import { useText } from "./preferences.js";

/** `call`: the id of the call in hand, or of the one that is wrapped up. */
export function Script({ agent, call }) {
  const t = useText();
  const [found, setFound] = useState(null);
  const [problem, setProblem] = useState(null);
  const place = `/api/agents/${segment(agent.id)}/script`;
  const wrapUp = agent.state === "wrap_up";
  useEffect(() => {
    let gone = false;
    setProblem(null);
    if (!call && !wrapUp) setFound(null);
    else get(place).then((known) => gone || setFound(known), () => {});
    return () => {
      gone = true;
    };
  }, [place, call, wrapUp]);
  const step = found?.script?.steps[found.step];
  if (!step) return null;

  async function save(answers, to = "") {
    try {
      setFound(await post(place, { call: found.call, step: found.step, answers, to }));
      setProblem(null);
      return true;
    } catch (refused) {
      setProblem(refused);
      return false;
    }
  }

  const next = nextStep(step, found.answers);
  const back = wayTo(found.script, found.step, found.answers).at(-1);
  const missing = open(step, found.answers);
  return html`<section class="card script" aria-label=${t("script")}>
    <h2>${t("script")}</h2>
    <p class="said">${parts(step.text, { ...found.known, ...found.answers }).map((part) =>
      part.known ? part.text : html`<span class="gap">${part.text}</span>`,
    )}</p>
    <form key=${`${found.call}|${found.step}`} onSubmit=${(event) => event.preventDefault()}>
      ${step.fields.map(
        (field) => html`<${Field} key=${field.name} field=${field} value=${found.answers[field.name] || ""}
          save=${(answer) => answer !== (found.answers[field.name] || "") && save({ [field.name]: answer })} />`,
      )}
      ${problem && html`<p class="problem" role="alert">${problemText(t, problem)}</p>`}
      <footer class="row">
        ${back && html`<button type="button" onClick=${() => save({}, back)}>${t("script.back")}</button>`}
        ${next && html`<button type="button" class="primary" disabled=${missing.length > 0} onClick=${() => save({}, next)}>${t("script.next")}</button>`}
        ${!next && html`<span role="status">${t(missing.length ? "script.missing" : "script.end")}</span>`}
      </footer>
    </form>
  </section>`;
}

function Field({ field, value, save }) {
  const t = useText();
  const label = html`${field.label}${field.required ? " *" : ""}`;
  const changed = (event) => save(event.target.value.trim());
  if (field.kind === "choice" || field.kind === "yes_no") {
    const choices = field.kind === "choice" ? field.choices : ["yes", "no"];
    return html`<label>${label}<select value=${value} required=${field.required} onChange=${changed}>
      <option value="">–</option>
      ${choices.map((one) => html`<option key=${one} value=${one}>${field.kind === "choice" ? one : t(`script.${one}`)}</option>`)}
    </select></label>`;
  }
  if (field.kind === "text") {
    return html`<label>${label}<textarea rows="2" maxlength="1000" required=${field.required} value=${value} onChange=${changed}></textarea></label>`;
  }
  const kind = field.kind === "date" ? { type: "date" } : { type: "text", inputmode: "decimal" };
  return html`<label>${label}<input ...${kind} required=${field.required} value=${value} onChange=${changed} /></label>`;
}
