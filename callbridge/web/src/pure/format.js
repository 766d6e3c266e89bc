// Figures as people read them, and what they mean. Pure. Absent values are "" in the API and a dash on the screen.

export const ABSENT = "–";

const absent = (value) => value === "" || value === null || value === undefined || Number.isNaN(value);

/** Seconds as 0:07, 12:34 or 1:02:03. */
export function clock(seconds) {
  if (absent(seconds)) return ABSENT;
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value) => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** A share as a percentage; not rounded up to 100% while something is missing. */
export function percent(share) {
  if (absent(share)) return ABSENT;
  const whole = share < 1 ? Math.min(99, Math.round(share * 100)) : 100;
  return `${whole}%`;
}

export function count(value) {
  return absent(value) ? ABSENT : String(value);
}

/** A time of day, with the date if it is another day. */
export function moment(epoch, now, language) {
  if (absent(epoch)) return ABSENT;
  const [then, today] = [new Date(epoch * 1000), new Date(now * 1000)];
  const time = then.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return then.toDateString() === today.toDateString() ? time : `${then.toLocaleDateString(language)} ${time}`;
}

export const WAIT_NEAR = 0.75;
/** From this share of the target a wait is near it, and so many points below its target a service level. */
export const LEVEL_NEAR = 0.05;

/** `met`, `near` or `missed`, or `none` where there is no target. */
export function waitGrade(waited, within) {
  if (absent(waited) || absent(within) || within <= 0) return "none";
  if (waited > within) return "missed";
  return waited >= within * WAIT_NEAR ? "near" : "met";
}

export function levelGrade(level, target) {
  if (absent(level) || absent(target)) return "none";
  if (level >= target) return "met";
  return level >= target - LEVEL_NEAR ? "near" : "missed";
}

/** A second sign beside the colour, for those who cannot tell colours apart. */
export const SIGNS = { met: "●", near: "▲", missed: "■", none: "" };

const WORKING = ["ringing", "connecting", "talking"];

/** How a state of an agent is coloured. */
export function stateTone(state) {
  if (state === "ready") return "met";
  if (WORKING.includes(state)) return "busy";
  if (state === "wrap_up" || state === "busy_elsewhere") return "near";
  if (state === "offline") return "missed";
  return "none";
}

/** The caller's number; `withheld` is a text. */
export function numberOf(call, withheld) {
  if (call.withheld || !call.number) return withheld;
  return call.number;
}

/** Whether a text has all words of a search. */
export function matches(text, search) {
  const low = text.toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => low.includes(word));
}

/** The target of a transfer that somebody typed: a number in the API's spelling, or "" if it is none. */
export function numberTarget(text) {
  const plain = text.replace(/[\s().\/-]/g, "");
  return /^\+?[0-9*#]{1,32}$/.test(plain) ? `number:${plain}` : "";
}

/** What an alert says, in the reader's language; one without a text of its own as the server says it. */
export function alertText(t, row) {
  const key = `alert.says.${row.code}`;
  const values = { queue: row.queue, ...row.values };
  for (const length of ["lasted", "over", "left"]) if (length in values) values[length] = clock(values[length]);
  if (values.trouble) {
    const known = t(`alert.trouble.${values.trouble}`);
    values.trouble = known.startsWith("alert.") ? values.trouble : known;
  }
  const said = row.values ? t(key, values) : key;
  return said === key ? row.text : said;
}
