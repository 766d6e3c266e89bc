// A recording that is reviewed: played, marked by the criteria of its form, and submitted.

import { useRef, useState } from "preact/hooks";
import { post } from "../net/api.js";
import { clock } from "../pure/format.js";
import { bodyOf, choicesOf, missingOf, writtenOf } from "../pure/review.js";
import { problemText } from "./dialog.js";
import { html } from "./html.js";
import { say } from "./notices.js";
import { Player } from "./player.js";
import { useText } from "./preferences.js";

/** `review`: with its `criteria`, and its `marks` when it was scored before. `named(id)`: an agent with the name. `done()` when it is scored. */
export function ScoreForm({ review, named, done }) {
  const t = useText();
  const [written, setWritten] = useState(writtenOf(review.marks || []));
  const [comment, setComment] = useState(review.comment || "");
  const [state, setState] = useState({ busy: false, problem: null });
  const second = useRef(0);
  const missing = missingOf(review.criteria, written);
  const write = (name, key, value) => setWritten((now) => ({ ...now, [name]: { ...now[name], [key]: value } }));

  async function submit(event) {
    event.preventDefault();
    setState({ busy: true, problem: null });
    try {
      await post(`/api/quality/reviews/${review.id}/score`, bodyOf(review.criteria, written, comment));
      say({ key: "quality.scored" });
      done();
    } catch (problem) {
      setState({ busy: false, problem });
    }
  }

  return html`<section class="card" aria-label=${t("quality.review")}>
    <h2>${t("quality.review")} ${review.id} <small>${[named(review.agent), review.queue, review.form].filter(Boolean).join(" · ")}</small></h2>
    ${review.dispute && html`<p class="problem">${t("labelled", { label: t("quality.disputed_by", { by: named(review.disputed_by) }), value: review.dispute })}</p>`}
    <${Player} recording=${{ id: review.recording, at: 0, lasted: 0 }} events=${[]} heard=${(at) => (second.current = at)} />
    <form class="form" onSubmit=${submit}>
      ${review.criteria.map(
        (one) => html`<${Criterion} key=${one.name} criterion=${one} written=${written[one.name] || {}} second=${second} write=${(key, value) => write(one.name, key, value)} />`,
      )}
      <label>${t("quality.comment")}<textarea rows="3" maxlength="1000" value=${comment} onInput=${(event) => setComment(event.target.value)}></textarea></label>
      ${state.problem && html`<p class="problem" role="alert">${problemText(t, state.problem)}</p>`}
      <footer class="row end">
        ${missing.length > 0 && html`<span class="soft">${t("quality.missing", { count: missing.length })}</span>`}
        <button type="submit" class="primary" disabled=${state.busy || missing.length > 0}>${t("quality.submit")}</button>
      </footer>
    </form>
  </section>`;
}

function Criterion({ criterion, written, write, second }) {
  const t = useText();
  const shown = (mark) => (Number.isNaN(Number(mark)) ? t(`mark.${mark}`) : mark);
  const heard = written.heard;
  return html`<fieldset class="criterion">
    <legend>${criterion.text || criterion.name} ${criterion.fatal && html`<strong class="problem">${t("quality.fatal")}</strong>`}</legend>
    <div class="row">${choicesOf(criterion).map(
      (mark) => html`<label class="check" key=${mark}><input type="radio" name=${criterion.name} value=${mark} checked=${written.mark === mark}
        onChange=${() => write("mark", mark)} /> ${shown(mark)}</label>`,
    )}</div>
    <div class="row">
      <label class="grow"><span class="unseen">${t("quality.remark")}</span><input value=${written.remark || ""} maxlength="1000" placeholder=${t("quality.remark")}
        onInput=${(event) => write("remark", event.target.value)} /></label>
      <button type="button" class="small" onClick=${() => write("heard", heard === undefined ? Math.round(second.current * 10) / 10 : undefined)}>
        ${heard === undefined ? t("quality.mark_moment") : `${t("quality.forget_moment")} ${clock(heard)}`}</button>
    </div>
  </fieldset>`;
}
