// Fields that narrow something to names: typed, with the names that there are now as suggestions.

import { useEffect, useState } from "preact/hooks";
import { get } from "../net/api.js";
import { html } from "./html.js";
import { useText } from "./preferences.js";

const LISTS = { queue: ["/api/queues", "name"], agent: ["/api/agents", "id"], campaign: ["/api/campaigns", "name"] };

/** Option -> its names; for a role that may not list them there are none. */
export function useNames() {
  const [names, setNames] = useState({});
  useEffect(() => {
    for (const [option, [path, key]] of Object.entries(LISTS)) {
      get(path).then((rows) => setNames((now) => ({ ...now, [option]: rows.map((row) => ({ value: row[key], label: row.name || row[key] })) })), () => {});
    }
  }, []);
  return names;
}

export function NamesField({ name, names = [] }) {
  const t = useText();
  const id = `names-${name}`;
  return html`<label>${t(`option.${name}`)}<input name=${name} list=${id} placeholder=${t("option.all")} autocomplete="off" />
    <datalist id=${id}>${names.map((one) => html`<option key=${one.value} value=${one.value}>${one.label}</option>`)}</datalist></label>`;
}
