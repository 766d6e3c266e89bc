// Words of callbridge that are values of the API, in the reader's language. Pure.

/** A text, or "" where there is none for this key. */
export const known = (said, key) => (said === key ? "" : said);

/** Words that have a text; others, such as a flow's own results, as they are. */
export const wordText = (t, word) => known(t(`word.${word}`), `word.${word}`) || word.replaceAll("_", " ");

/** `queue:sales`, `agent:1001` or `number:+44...` as people read it. `named(id)`: an agent with the name. */
export function targetText(t, value, named = (id) => id) {
  const [kind, ...rest] = value.split(":");
  const label = { agent: "agent", queue: "queue", number: "callbacks.number" }[kind];
  if (!label || !rest.length) return value;
  const target = rest.join(":");
  return `${t(label)} ${kind === "agent" ? named(target) : target}`;
}

export const outcomeText = (t, word) => known(t(`outcome.${word}`), `outcome.${word}`) || wordText(t, word);
