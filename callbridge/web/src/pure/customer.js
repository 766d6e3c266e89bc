// What an agent's page remembers of calls whose customer it has opened in another system. Pure but for the store it is given.

const KEY = "callbridge.crm";
const REMEMBERED = 50;

/** Whether this call's link is still to be opened; from now on it is not. `store()`: as localStorage, or it raises. */
export function firstTime(store, call) {
  let calls = [];
  try {
    calls = JSON.parse(store().getItem(KEY) || "[]");
  } catch {
    // storage is forbidden, or what stands there is not ours
  }
  if (!Array.isArray(calls)) calls = [];
  if (calls.includes(call)) return false;
  try {
    store().setItem(KEY, JSON.stringify([...calls, call].slice(-REMEMBERED)));
  } catch {
    // a browser that keeps nothing opens the link again when the page is loaded again
  }
  return true;
}
