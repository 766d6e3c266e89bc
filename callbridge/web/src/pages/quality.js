// Quality: recordings that were drawn are reviewed; scores are read, and disputed by those whom they are about.

import { useEffect, useState } from "preact/hooks";
import { get, post } from "../net/api.js";
import { ActDialog, problemText } from "../parts/dialog.js";
import { html } from "../parts/html.js";
import { Empty } from "../parts/marks.js";
import { useNamed } from "../parts/names.js";
import { Player } from "../parts/player.js";
import { useRegion, useText } from "../parts/preferences.js";
import { ScoreForm } from "../parts/score_form.js";
import { ABSENT, clock } from "../pure/format.js";
import { valueOf } from "../pure/report.js";
import { may } from "../pure/routes.js";

const NOT_SET_UP = 501;

export default function QualityPage({ session }) {
  const t = useText();
  const [reviews, setReviews] = useState(null);
  const [samples, setSamples] = useState(null);
  const [problem, setProblem] = useState(null);
  const [open, setOpen] = useState(null);
  const named = useNamed();
  useEffect(() => {
    document.title = `${t("page.quality")} – callbridge`;
  });
  const look = () => {
    get("/api/quality/reviews").then((found) => {
      setReviews(found);
      setProblem(null);
    }, setProblem);
    if (may.supervise(session)) get("/api/quality/samples").then(setSamples, setProblem);
  };
  useEffect(look, []);

  const show = (act) => act.then(setOpen, setProblem).then(() => look());
  const next = (sample, calibrate) => show(post("/api/quality/next", { sample, calibrate }));
  const read = (review) => show(get(`/api/quality/reviews/${review.id}`));
  const mine = open && open.reviewer === session.user && open.state !== "scored";
  const done = () => {
    setOpen(null);
    look();
  };
  return html`<div class="page">
    <h1 class="unseen">${t("page.quality")}</h1>
    ${problem && problem.status === NOT_SET_UP && html`<p>${t("quality.off")}</p>`}
    ${problem && problem.status !== NOT_SET_UP && html`<p class="problem" role="alert">${problemText(t, problem)}</p>`}
    ${samples?.length === 0 && html`<p class="card">${t("quality.not_drawn")}</p>`}
    ${samples?.length > 0 && html`<${Samples} samples=${samples} next=${next} />`}
    ${open && mine && html`<${ScoreForm} key=${open.id} review=${open} named=${named} done=${done} />`}
    ${open && !mine && html`<${Scored} key=${open.id} review=${open} session=${session} named=${named} done=${done} />`}
    ${reviews && html`<${Reviews} reviews=${reviews} session=${session} named=${named} read=${read} />`}
  </div>`;
}

function Samples({ samples, next }) {
  const t = useText();
  const [calibrate, setCalibrate] = useState(false);
  const first = (row, index) => samples.findIndex((one) => one.sample === row.sample) === index;
  return html`<section class="card" aria-label=${t("quality.samples")}>
    <header class="row"><h2>${t("quality.samples")}</h2>
      <label class="check"><input type="checkbox" checked=${calibrate} onChange=${(event) => setCalibrate(event.target.checked)} /> ${t("quality.calibrate")}</label></header>
    <div class="scroll" tabindex="0" role="group" aria-label=${t("quality.samples")}><table>
      <thead><tr><th scope="col">${t("quality.sample")}</th><th scope="col">${t("reports.period")}</th><th scope="col">${t("quality.drawn")}</th>
        <th scope="col">${t("quality.taken")}</th><th scope="col">${t("quality.scores")}</th><th scope="col"><span class="unseen">${t("acts")}</span></th></tr></thead>
      <tbody>${samples.map(
        (row, index) => html`<tr key=${`${row.sample} ${row.period}`}><th scope="row">${row.sample}</th><td>${row.period}</td><td>${row.drawn}</td>
          <td>${row.taken}</td><td>${row.scored}</td>
          <td>${first(row, index) && html`<button type="button" class="small" onClick=${() => next(row.sample, calibrate)}>${t("quality.next")}</button>`}</td></tr>`,
      )}</tbody></table></div>
  </section>`;
}

const share = (value, speaks) => (value === "" ? ABSENT : valueOf(value, "share", speaks));

function Reviews({ reviews, session, named, read }) {
  const t = useText();
  const speaks = useRegion();
  const [only, setOnly] = useState("all");
  const fits = { all: () => true, mine: (row) => row.reviewer === session.user, disputed: (row) => row.state === "disputed", open: (row) => row.state === "open" };
  const shown = reviews.filter(fits[only]);
  return html`<section class="card" aria-label=${t("quality.reviews")}>
    <header class="row"><h2>${t("quality.reviews")} <small>${shown.length}</small></h2>
      ${may.supervise(session) &&
      html`<label><span class="unseen">${t("quality.only")}</span><select value=${only} onChange=${(event) => setOnly(event.target.value)}>
        ${Object.keys(fits).map((one) => html`<option key=${one} value=${one}>${t(`quality.only_${one}`)}</option>`)}</select></label>`}</header>
    ${shown.length === 0 && html`<${Empty}>${t(may.supervise(session) ? "quality.none" : "quality.none.own")}<//>`}
    ${shown.length > 0 &&
    html`<div class="scroll" tabindex="0" role="group" aria-label=${t("quality.reviews")}><table>
      <thead><tr><th scope="col">#</th><th scope="col">${t("agent")}</th><th scope="col">${t("queue")}</th><th scope="col">${t("quality.reviewer")}</th>
        <th scope="col">${t("call.state")}</th><th scope="col">${t("quality.score")}</th><th scope="col">${t("quality.failed")}</th>
        <th scope="col">${t("quality.recorded")}</th></tr></thead>
      <tbody>${shown.map(
        (row) => html`<tr key=${row.id}><th scope="row"><button type="button" class="link" onClick=${() => read(row)}>${t("quality.review")} ${row.id}</button></th>
          <td>${named(row.agent)}</td><td>${row.queue}</td><td>${named(row.reviewer)}</td><td>${t(`review.${row.state}`)}</td><td>${share(row.score, speaks)}</td>
          <td>${row.failed === "" ? ABSENT : row.failed}</td><td>${valueOf(row.recorded_at, "moment", speaks)}</td></tr>`,
      )}</tbody></table></div>`}
  </section>`;
}

function Scored({ review, session, named, done }) {
  const t = useText();
  const speaks = useRegion();
  const [asked, setAsked] = useState(false);
  const marked = (one) => {
    if (one.mark === "") return t("mark.na");
    return one.fatal ? t(one.mark ? "mark.pass" : "mark.fail") : `${one.mark} / ${one.most}`;
  };
  return html`<section class="card" aria-label=${t("quality.review")}>
    <header class="row"><h2>${t("quality.review")} ${review.id} <small>${[named(review.agent), review.queue, review.form].filter(Boolean).join(" · ")}</small></h2>
      <div class="row"><strong>${share(review.score, speaks)}</strong>
        ${review.state === "scored" && review.disputed_at === "" &&
        html`<button type="button" onClick=${() => setAsked(true)}>${t("quality.dispute")}</button>`}
        <button type="button" class="quiet" onClick=${done}>${t("close")}</button></div></header>
    ${review.dispute && html`<p class="problem">${t("labelled", { label: t("quality.disputed_by", { by: named(review.disputed_by) }), value: review.dispute })}</p>`}
    ${may.supervise(session) && html`<${Player} recording=${{ id: review.recording, at: 0, lasted: 0 }} events=${[]} />`}
    ${review.marks.length > 0 &&
    html`<table><thead><tr><th scope="col">${t("quality.criterion")}</th><th scope="col">${t("quality.score")}</th><th scope="col">${t("quality.heard")}</th>
        <th scope="col">${t("quality.remark")}</th></tr></thead>
      <tbody>${review.marks.map(
        (one) => html`<tr key=${one.criterion}><th scope="row">${one.criterion} <small>${one.section}</small></th><td>${marked(one)}</td>
          <td>${clock(one.heard_at)}</td><td>${one.comment}</td></tr>`,
      )}</tbody></table>`}
    ${review.comment && html`<p>${review.comment}</p>`}
    ${asked &&
    html`<${ActDialog} title=${t("quality.dispute")} verb=${t("quality.dispute")} close=${() => setAsked(false)}
      send=${async (form) => {
        await post(`/api/quality/reviews/${review.id}/dispute`, form);
        done();
      }}><label>${t("quality.reason")}<textarea name="reason" rows="3" maxlength="1000" required></textarea></label><//>`}
  </section>`;
}
