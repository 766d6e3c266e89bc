// Names of queues, agents and campaigns as suggestions in fields that narrow something to them; and of agents and users for their ids.

import { useEffect, useLayoutEffect, useMemo, useState } from "preact/hooks";
import { get } from "../net/api.js";
import { nameWithId } from "../pure/agent.js";
import { directoryOf, idsOf, labelsIn, namerOf, withOthers } from "../pure/names.js";
import { isDay } from "../pure/report.js";
import { html } from "./html.js";
import { useText } from "./preferences.js";

const LISTS = { queue: ["/api/queues", "name"], agent: ["/api/agents", "id"], campaign: ["/api/campaigns", "name"] };
const ALL = Object.keys(LISTS);

/** Option -> what there is of it now that this user may see; for a role that may not list it, nothing. */
export function useNames(options = ALL) {
  const [names, setNames] = useState({});
  useEffect(() => {
    const of = (row, key) => ({ value: row[key], name: row.name || row[key], label: nameWithId(row[key], row.name) });
    const joined = (agents) => get("/api/names").then((directory) => withOthers(agents, directory), () => agents);
    for (const option of options) {
      const [path, key] = LISTS[option];
      const set = (listed) => setNames((now) => ({ ...now, [option]: listed }));
      const listed = get(path).then((rows) => rows.map((row) => of(row, key)));
      (option === "agent" ? listed.then(joined) : listed).then(set, () => set([]));
    }
  }, []);
  return names;
}

/** `named(id)`: an agent or a user with the name, of whatever team. Who is not configured any more is an id. */
export function useNamed() {
  const [known, setKnown] = useState({});
  useEffect(() => {
    get("/api/names").then(setKnown, () => {});
  }, []);
  return useMemo(() => namerOf(directoryOf(known)), [known]);
}

export function NamesField({ name, names = [] }) {
  const t = useText();
  const id = `names-${name}`;
  return html`<label>${t(`option.${name}`)}<input name=${name} list=${id} placeholder=${t("option.all")} autocomplete="off" />
    <datalist id=${id}>${names.filter((one) => !one.other).map((one) => html`<option key=${one.value} value=${one.label} />`)}</datalist></label>`;
}

/** Fills a form with `typed`, what its address asks for. Names that are known later replace ids that nobody has changed meanwhile. */
export function useFilled(form, typed, names) {
  const fields = () => [...form.current.elements].filter((one) => one.name in typed);
  useLayoutEffect(() => {
    for (const field of fields()) {
      const value = labelsIn(names[field.name], typed[field.name]);
      if (field.type === "checkbox") field.checked = value === "true";
      else field.value = field.type !== "date" || isDay(value) ? value : "";
    }
  }, [typed]);
  useLayoutEffect(() => {
    for (const field of fields()) {
      if (names[field.name] && field.value === typed[field.name]) field.value = labelsIn(names[field.name], field.value);
    }
  }, [names]);
}

/** What an address asks for, with ids for the names in it; null until these names are known. */
export function useIds(typed, names) {
  const awaited = Object.keys(LISTS).some((option) => typed[option] && !names[option]);
  return useMemo(() => (awaited ? null : idsOf(typed, names)), [typed, awaited]);
}

/** What was typed into a form, with ids for names. */
export function typedIn(form, names) {
  return idsOf(Object.fromEntries(new FormData(form)), names, true);
}
