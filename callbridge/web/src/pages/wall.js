// The wallboard: figures that are read from six metres, on a television that nobody touches for days.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { get, segment } from "../net/api.js";
import { Switches } from "../parts/frame.js";
import { html } from "../parts/html.js";
import { keep } from "../parts/keep.js";
import { Graded, StaleBanner } from "../parts/marks.js";
import { useText } from "../parts/preferences.js";
import { Since, useNow } from "../parts/time.js";
import { useViews } from "../parts/views.js";
import { count, levelGrade, percent, waitGrade } from "../pure/format.js";
import { FIGURES, figuresOf, layoutOf, totalsOf } from "../pure/wall.js";

export function WallPage({ name }) {
  const t = useText();
  const key = new URLSearchParams(location.search).get("key");
  const query = key ? `?key=${segment(key)}` : "";
  const [layout, setLayout] = useState(null);
  const { known, status, code } = useViews(`/api/walls/${segment(name)}/views${query}`);

  useEffect(() => {
    // The layout may have been changed while the server was away, or by a reload: asked for at each connection.
    if (status !== "live") return undefined;
    let gone = false;
    let timer = 0;
    const look = async () => {
      const next = await get(`/api/walls/${segment(name)}${query}`).catch(() => null);
      if (gone) return;
      if (next) setLayout(next);
      timer = setTimeout(look, next ? 60_000 : 3000);
    };
    look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [status, name]);

  const title = layout?.title || name;
  useEffect(() => {
    document.title = `${title} – callbridge`;
  }, [title]);
  if (!layout || !known.whole) {
    return html`<main class="wall"><${StaleBanner} status=${status} code=${code} />
      ${code === 401 || code === 403 ? html`<p class="empty"><a href="/">${t("login.sign_in")}</a></p>` : null}</main>`;
  }
  const rows = known.parts.queues || {};
  const names = layout.queues?.length ? layout.queues : Object.keys(rows).sort();
  const shown = names.filter((one) => rows[one]);
  const figures = figuresOf(layout.figures);
  return html`<main class="wall" aria-label=${title}>
    <header><h1>${title}</h1><${TimeOfDay} /><${Switches} /></header>
    <${StaleBanner} status=${status} code=${code} />
    ${layout.message && html`<p class="message">${layout.message}</p>`}
    ${shown.length > 1 && html`<${Totals} rows=${shown.map((one) => rows[one])} />`}
    <${Boards} count=${shown.length} figures=${figures}>
      ${shown.map((one) => html`<${QueueBoard} key=${one} row=${rows[one]} figures=${figures} />`)}
      ${shown.length === 0 && html`<p class="empty">${t("wall.no_queues")}</p>`}
    <//>
  </main>`;
}

/** Sizes are set as properties of the element: a style attribute would be against the page's policy. */
function Boards({ count: queues, figures, children }) {
  const box = useRef(null);
  useLayoutEffect(() => {
    const fit = () => {
      const found = layoutOf(queues, figures, window.innerWidth / window.innerHeight);
      for (const [name, value] of Object.entries(found)) box.current.style.setProperty(`--${name}`, String(value));
    };
    fit();
    window.addEventListener("resize", fit);
    return () => window.removeEventListener("resize", fit);
  }, [queues, figures.join()]);
  return html`<div class="boards" ref=${box}>${children}</div>`;
}

function TimeOfDay() {
  const now = useNow();
  return html`<time>${new Date(now * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" })}</time>`;
}

function Totals({ rows }) {
  const t = useText();
  const total = totalsOf(rows);
  return html`<dl class="totals">
    ${Object.entries(total).map(([key, value]) => html`<div key=${key}><dt>${t(`figure.${key}`)}</dt><dd>${count(value)}</dd></div>`)}
  </dl>`;
}

const QueueBoard = keep(({ row, figures }) => {
  const t = useText();
  return html`<section class="board" aria-label=${row.name}>
    <h2>${row.name}</h2>
    <dl>
      ${figures.map(
        (figure) => html`<div key=${figure} class=${`figure ${figure}`}>
          <dt>${t(`figure.${figure}`)}</dt><dd><${Figure} figure=${figure} row=${row} /></dd>
        </div>`,
      )}
    </dl>
  </section>`;
});

function Figure({ figure, row }) {
  if (figure === "longest_wait") return html`<${LongestWait} row=${row} />`;
  if (figure === "service_level") return html`<${Graded} grade=${levelGrade(row.sl, row.sl_target)}>${percent(row.sl)}<//>`;
  return html`${FIGURES[figure](row)}`;
}

export function LongestWait({ row }) {
  const now = useNow();
  const from = row.oldest_arrived_at;
  const grade = from === "" ? "none" : waitGrade(now - from, row.answer_within);
  return html`<${Graded} grade=${grade}><${Since} at=${from} /><//>`;
}
