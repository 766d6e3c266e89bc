// Keyboard shortcuts of the agent's page: letters always with Alt, so that none typed somewhere does anything. Pure.

/** What each is for, and its keys as they are written. */
export const SHORTCUTS = {
  ready: ["Alt", "R"],
  not_ready: ["Alt", "N"],
  end_wrap_up: ["Alt", "W"],
  transfer: ["Alt", "T"],
  consult: ["Alt", "C"],
  complete: ["Alt", "G"],
  return: ["Alt", "B"],
  conference: ["Alt", "M"],
  hold: ["Alt", "H"],
  recording: ["Alt", "P"],
  survey: ["Alt", "S"],
  note: ["Alt", "O"],
  save_note: ["Ctrl", "Enter"],
  disposition: ["Alt", "I"],
};

/** Which shortcut these keys are, or "". By place on the keyboard, whatever the layout. */
export function pressed({ altKey, ctrlKey, metaKey, shiftKey, code }) {
  if (metaKey || shiftKey || altKey === ctrlKey) return "";
  const held = altKey ? "Alt" : "Ctrl";
  const key = code.replace(/^Key(?=.$)|^Numpad(?=Enter$)/, "");
  return Object.keys(SHORTCUTS).find((one) => SHORTCUTS[one][0] === held && SHORTCUTS[one][1] === key) || "";
}
