// Notes of a call: written during it and in wrap-up. Each is kept; what is not saved yet is saved before the wrap-up ends.

import { useEffect, useRef, useState } from "preact/hooks";
import { post, segment } from "../net/api.js";
import { problemText } from "./dialog.js";
import { html } from "./html.js";
import { useText } from "./preferences.js";
import { useShortcuts } from "./shortcuts.js";
import { serverNow } from "./time.js";

const MOST = 2000;
const BEFORE_THE_END = 3;
/** Seconds before the end of wrap-up at which a note that is not saved yet is saved. */

/** `pending.current`: saves what is not saved yet, for those who end the wrap-up. `field`: for the keyboard shortcut. */
export function Notes({ agent, pending, field }) {
  const t = useText();
  const own = useRef(null);
  const [saved, setSaved] = useState([]);
  const [problem, setProblem] = useState(null);
  const box = field || own;

  async function save() {
    const text = box.current?.value.trim();
    if (!text) return;
    try {
      await post(`/api/agents/${segment(agent.id)}/note`, { text });
    } catch (refused) {
      setProblem(refused);
      return;
    }
    if (box.current && box.current.value.trim() === text) box.current.value = "";
    setSaved((before) => [...before, text]);
    setProblem(null);
  }

  useEffect(() => {
    pending.current = save;
    return () => {
      pending.current = null;
    };
  });
  useEffect(() => {
    if (agent.state !== "wrap_up" || agent.until === "") return undefined;
    const timer = setTimeout(() => pending.current?.(), Math.max(0, agent.until - serverNow() - BEFORE_THE_END) * 1000);
    return () => clearTimeout(timer);
  }, [agent.state, agent.until]);

  useShortcuts({ save_note: save });
  const submit = (event) => {
    event.preventDefault();
    save();
  };
  return html`<form class="notes" onSubmit=${submit}>
    <label>${t("notes")}
      <textarea ref=${box} rows="2" maxlength=${MOST}></textarea></label>
    ${problem && html`<p class="problem" role="alert">${problemText(t, problem)}</p>`}
    <div class="row"><button type="submit">${t("notes.save")}</button></div>
    ${saved.length > 0 && html`<ul class="saved" aria-label=${t("notes.saved")}>${saved.map((text, index) => html`<li key=${index}>${text}</li>`)}</ul>`}
  </form>`;
}
