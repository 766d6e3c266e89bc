// The phone on the page: what it does, its keys, its devices and how good the line is. The phone itself is loaded when this tab is it.

import { useEffect, useRef, useState } from "preact/hooks";
import { get, post } from "../net/api.js";
import { phoneOwner } from "../phone/owner.js";
import { canChooseLoudspeaker, choose, chosen, devices } from "../phone/sound.js";
import { KEYS } from "../pure/phone.js";
import { gradeOf } from "../pure/quality.js";
import { html } from "./html.js";
import { useText } from "./preferences.js";
import { ring, ringAt } from "./ringing.js";

const IDLE = { link: "connecting", fault: "", call: null, quality: null };
const RING_EVERY = 3000;

/** `{ here, state, there, line, take }`: this tab's phone, or what another tab's does. */
export function usePhone(wanted) {
  const [here, setHere] = useState(false);
  const [there, setThere] = useState(null);
  const [state, setState] = useState(IDLE);
  const line = useRef(null);
  const owner = useRef(null);

  useEffect(() => {
    if (!wanted) return undefined;
    owner.current = phoneOwner((news) => {
      setHere(news.here);
      setThere(news.state);
    });
    return () => owner.current.close();
  }, [wanted]);

  useEffect(() => {
    if (!here) return undefined;
    let gone = false;
    let again = null;
    async function open() {
      try {
        const [{ openLine }, settings] = await Promise.all([import("../phone/line.js"), get("/api/phone")]);
        if (!gone) line.current = openLine(settings, setState);
      } catch {
        setState({ ...IDLE, link: "lost" });
        if (!gone) again = setTimeout(open, 5000);
      }
    }
    open();
    return () => {
      gone = true;
      clearTimeout(again);
      line.current?.close();
      line.current = null;
      setState(IDLE);
    };
  }, [here]);

  useEffect(() => {
    if (here) owner.current?.tell({ link: state.link, call: state.call?.state || "" });
  }, [here, state.link, state.call?.state]);

  const rings = state.call?.state === "ringing";
  useEffect(() => {
    if (!rings) return undefined;
    ring();
    const again = setInterval(ring, RING_EVERY);
    return () => clearInterval(again);
  }, [rings]);

  const busy = Boolean(state.call);
  useEffect(() => {
    if (!busy) return undefined;
    const warn = (event) => event.preventDefault(); // the browser asks: a closed tab ends the call
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [busy]);

  return { here, there, state, line, take: () => owner.current?.take() };
}

/** Reports how good each conversation was, as `call` begins and ends. */
export function useQuality(phone, call) {
  const talking = phone.here && phone.state.call?.state === "talking" ? call : "";
  useEffect(() => {
    const end = talking && phone.line.current?.conversation();
    if (!end) return undefined;
    return async () => {
      const sums = await end();
      if (sums) post("/api/phone/quality", { call: talking, ...sums }).catch(() => {});
    };
  }, [talking]);
}

export function PhonePanel({ phone }) {
  const t = useText();
  const { here, there, state, line } = phone;
  const { call } = state;
  const one = () => line.current;
  return html`<section class="card phone" aria-label=${t("phone.mine")}>
    <header class="row"><h2>${t("phone.mine")}</h2>
      ${here && html`<span class=${`state ${state.link === "registered" ? "met" : "missed"}`} data-link=${state.link}>${t(`phone.${state.link}`)}</span>`}
    </header>
    ${!here && html`<${Elsewhere} there=${there} take=${phone.take} />`}
    ${here && state.link === "silent" && html`<${NoMicrophone} fault=${state.fault} start=${() => one()?.start()} />`}
    ${here && state.link === "refused" && html`<p class="problem" role="alert">${t("phone.refused.why", { code: state.fault })}</p>`}
    ${here && call && html`<${CallKeys} call=${call} line=${one} />`}
    ${here && call?.state === "talking" && html`<${Meters} line=${one} /><${Quality} quality=${state.quality} />`}
    ${here && html`<${Devices} line=${one} />`}
  </section>`;
}

function Elsewhere({ there, take }) {
  const t = useText();
  return html`<p>${t(there?.call ? "phone.elsewhere.busy" : "phone.elsewhere")}</p>
    <button type="button" onClick=${take} disabled=${Boolean(there?.call)}>${t("phone.take")}</button>`;
}

function NoMicrophone({ fault, start }) {
  const t = useText();
  return html`<p class="problem" role="alert">${t(`phone.microphone.${fault}`)}</p>
    <button type="button" class="primary" onClick=${start}>${t("phone.try_again")}</button>`;
}

function CallKeys({ call, line }) {
  const t = useText();
  const [keys, setKeys] = useState(false);
  if (call.state !== "talking") {
    return html`<div class="row">
      <button type="button" class="primary" disabled=${call.state !== "ringing"} onClick=${() => line()?.answer()}>${t("phone.answer")}</button>
      <button type="button" class="danger" onClick=${() => line()?.hangUp()}>${t("phone.reject")}</button>
    </div>`;
  }
  return html`<div class="row">
      <button type="button" aria-pressed=${call.muted} onClick=${() => line()?.mute(!call.muted)}>${t(call.muted ? "phone.unmute" : "phone.mute")}</button>
      <button type="button" aria-expanded=${keys} onClick=${() => setKeys(!keys)}>${t("phone.keypad")}</button>
      <button type="button" class="danger" onClick=${() => line()?.hangUp()}>${t("phone.hang_up")}</button>
    </div>
    ${keys &&
    html`<div class="keypad" role="group" aria-label=${t("phone.keypad")}>
      ${KEYS.map((key) => html`<button type="button" key=${key} onClick=${() => line()?.press(key)}>${key}</button>`)}
    </div>`}`;
}

/** Moves by itself, ten times a second, without drawing anything else again. */
function Meters({ line }) {
  const t = useText();
  const mine = useRef(null);
  const theirs = useRef(null);
  useEffect(() => {
    const again = setInterval(() => {
      if (mine.current) mine.current.value = line()?.level("mine") || 0;
      if (theirs.current) theirs.current.value = line()?.level("theirs") || 0;
    }, 100);
    return () => clearInterval(again);
  }, []);
  return html`<div class="row levels">
    <label>${t("phone.my_voice")} <meter ref=${mine} min="0" max="1" value="0" /></label>
    <label>${t("phone.their_voice")} <meter ref=${theirs} min="0" max="1" value="0" /></label>
  </div>`;
}

const milliseconds = (seconds) => (seconds === null ? "–" : `${Math.round(seconds * 1000)} ms`);

function Quality({ quality }) {
  const t = useText();
  if (!quality) return null;
  return html`<dl class="pairs quality">
    <div><dt>${t("phone.mos")}</dt><dd class=${`graded ${gradeOf(quality.mos)}`}>${quality.mos.toFixed(1)}</dd></div>
    <div><dt>${t("phone.loss")}</dt><dd>${(100 * quality.loss).toFixed(1)} %</dd></div>
    <div><dt>${t("phone.jitter")}</dt><dd>${milliseconds(quality.jitter)}</dd></div>
    <div><dt>${t("phone.rtt")}</dt><dd>${milliseconds(quality.rtt)}</dd></div>
  </dl>`;
}

function Devices({ line }) {
  const t = useText();
  const [open, setOpen] = useState(false);
  const [there, setThere] = useState({ microphones: [], loudspeakers: [] });
  const [now, setNow] = useState(chosen());
  useEffect(() => {
    if (open) devices().then(setThere);
  }, [open]);
  function take(change) {
    setNow(choose(change));
    ringAt(chosen().ringer);
    line()?.devicesChosen();
  }
  const list = (key, found) => html`<label>${t(`phone.device.${key}`)}
    <select value=${now[key]} onChange=${(event) => take({ [key]: event.target.value })}>
      <option value="">${t("phone.device.default")}</option>
      ${found.map((one, index) => html`<option key=${one.id} value=${one.id}>${one.label || `${t(`phone.device.${key}`)} ${index + 1}`}</option>`)}
    </select></label>`;
  return html`<details class="devices" onToggle=${(event) => setOpen(event.currentTarget.open)}>
    <summary>${t("phone.devices")}</summary>
    ${list("microphone", there.microphones)}
    ${canChooseLoudspeaker() && html`${list("loudspeaker", there.loudspeakers)}${list("ringer", there.loudspeakers)}`}
    <label class="check"><input type="checkbox" checked=${now.processing} onChange=${(event) => take({ processing: event.target.checked })} />
      ${t("phone.device.processing")}</label>
  </details>`;
}
