// What a phone reads in a SIP request, and at which phone a supervisor joins calls. Pure.

/** Does this INVITE ask the phone to answer by itself? `header(name)`: its value, or nothing. As callbridge's presets send it. */
export function answersItself(header) {
  const call = header("Call-Info") || "";
  const alert = header("Alert-Info") || "";
  return /;\s*answer-after\s*=\s*0\b/i.test(call) || /info\s*=\s*alert-autoanswer/i.test(alert) || /^\s*auto answer\s*$/i.test(alert);
}

export const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

/** The phone `chosen` last in this browser, else the one in the page, else the own one of somebody who is an agent, too. */
export const ownPhone = (session, agents, chosen) => chosen || session.phone || agents?.[session.agent]?.phone || "";
