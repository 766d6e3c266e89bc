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

/** A refusal of a name with what there is instead as people read it: outcomes by their words, agents with their names. */
export function namedRefusal(t, problem, named = (id) => id) {
  const { option, known: there } = problem.body?.values ?? {};
  const read = { "option.agent": named, "option.outcome": (one) => outcomeText(t, one) }[option?.key];
  if (!read || typeof there !== "string") return problem;
  const shown = there.split(", ").map(read).join(", ");
  const values = { ...problem.body.values, known: shown };
  return { ...problem, message: problem.message.replace(`(known: ${there}`, () => `(known: ${shown}`), body: { ...problem.body, values } };
}
