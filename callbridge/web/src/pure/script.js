// How an agent goes through a script: texts with what is known, what comes next, and whether a step may be left. Pure.

/** A text with names in braces filled in, as {text, known}: what is not known yet stays to be seen as a gap. */
export function parts(text, values) {
  return text.split(/(\{\w+\})/).filter(Boolean).map((part) => {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (!name) return { text: part, known: true };
    return values[name] ? { text: values[name], known: true } : { text: "…", known: false };
  });
}

/** The step that comes after this one, or "" at the end. */
export function nextStep(step, answers) {
  const found = step.branches.find((branch) =>
    Object.entries(branch.when).every(([field, wanted]) => wanted.includes(answers[field] ?? "")),
  );
  return found ? found.to : step.next;
}

/** The fields of a step that still need an answer. */
export function open(step, answers) {
  return step.fields.filter((field) => field.required && !answers[field.name]).map((field) => field.name);
}

/** The way from the start to a step by what was answered: for going back. */
export function wayTo(script, step, answers) {
  const way = [];
  let at = script.start;
  while (at && at !== step && script.steps[at] && !way.includes(at)) {
    way.push(at);
    at = nextStep(script.steps[at], answers);
  }
  return at === step ? way : [];
}
