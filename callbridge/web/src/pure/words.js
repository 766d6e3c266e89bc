// Words of callbridge that are values of the API, in the reader's language. Pure.

/** A text, or "" where there is none for this key. */
export const known = (said, key) => (said === key ? "" : said);

/** Words that have a text; others, such as a flow's own results, as they are. */
export const wordText = (t, word) => known(t(`word.${word}`), `word.${word}`) || word.replaceAll("_", " ");

export const outcomeText = (t, word) => known(t(`outcome.${word}`), `outcome.${word}`) || wordText(t, word);
