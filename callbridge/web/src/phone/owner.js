// One tab of a browser is the phone. It holds a lock, which the browser frees when the tab is closed, and tells the others what it
// does; another one can take the phone over, also from a tab that is asleep.

const NAME = "callbridge.phone";

/**
 * `changed({ here, state })`: whether this tab is the phone, and what the tab that is it has said last. Returns `{ take, tell, close }`:
 * take the phone over; tell the other tabs; give it up.
 */
export function phoneOwner(changed) {
  const channel = new BroadcastChannel(NAME);
  let here = false;
  let ended = false;
  let free = () => {};
  let lastState = null;

  channel.onmessage = ({ data }) => {
    if (data === "who" && here) channel.postMessage(lastState);
    else if (data !== "who" && !here) changed({ here, state: data });
  };

  function hold() {
    here = true;
    changed({ here, state: null });
    return new Promise((resolve) => {
      free = resolve;
    });
  }

  async function wait(options) {
    if (ended) return;
    try {
      await navigator.locks.request(NAME, options, () => (ended ? undefined : hold()));
    } catch {
      if (ended || !here) return;
      here = false; // another tab has taken the phone over; this one is next when that one is closed
      changed({ here, state: null });
      channel.postMessage("who");
      wait({});
    }
  }

  wait({});
  channel.postMessage("who");
  return {
    take: () => wait({ steal: true }),
    tell(state) {
      lastState = state;
      if (here && !ended) channel.postMessage(state);
    },
    close() {
      ended = true;
      here = false;
      free();
      channel.close();
    },
  };
}
