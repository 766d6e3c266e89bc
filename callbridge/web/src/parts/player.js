// A recording with what happened in the call under it: a click on a line goes to that moment.

import { useEffect, useRef, useState } from "preact/hooks";
import { refusal, segment } from "../net/api.js";
import { inRecording, presentOf } from "../pure/call.js";
import { clock } from "../pure/format.js";
import { problemText } from "./dialog.js";
import { html } from "./html.js";
import { useText } from "./preferences.js";

/** `recording`: with `id`, `at` and `lasted`. `describe(event)`: an event in words. `heard(second)` is called as it plays. */
export function Player({ recording, events, describe, heard }) {
  const t = useText();
  const audio = useRef(null);
  const [second, setSecond] = useState(0);
  const [problem, setProblem] = useState(null);
  const marks = inRecording(recording, events);
  const present = presentOf(marks, second);
  const path = `/api/recordings/${segment(recording.id)}`;
  useEffect(() => () => audio.current?.pause(), []);

  function go(to) {
    audio.current.currentTime = to;
    setSecond(to);
    audio.current.play().catch(() => {}); // `failed` says why
  }
  // The browser says only that it could not play: the server's own words come with the first byte.
  async function failed() {
    setProblem((await refusal(path)) || { message: t("player.cannot") });
  }
  function moved({ currentTarget }) {
    setSecond(currentTarget.currentTime);
    heard?.(currentTarget.currentTime);
  }
  return html`<div class="player">
    <audio ref=${audio} controls preload="none" src=${path} aria-label=${t("player.recording")} onTimeUpdate=${moved} onError=${failed}></audio>
    ${problem && html`<p class="problem" role="alert">${problemText(t, problem)}</p>`}
    ${marks.length > 0 &&
    html`<ol class="marks" aria-label=${t("player.marks")}>${marks.map(
      (one, index) => html`<li key=${index}><button type="button" class="link" aria-current=${index === present ? "true" : undefined}
        onClick=${() => go(one.second)}><time>${clock(one.second)}</time> ${describe(one)}</button></li>`,
    )}</ol>`}
  </div>`;
}
