// A call comes: a sound, and a notification while the page is in the background.

import { chosen } from "../phone/sound.js";

let sound = null;

// A browser lets a page sound only after its user did something there.
for (const event of ["pointerdown", "keydown"]) {
  window.addEventListener(event, () => {
    if (!sound) {
      sound = new AudioContext();
      ringAt(chosen().ringer);
    }
    if (sound.state === "suspended") sound.resume();
  });
}

/** The device that rings; empty for the default one. */
export function ringAt(device) {
  if (!sound || sound.sinkId === device) return; // choosing the default one again is an error on a machine without any
  sound.setSinkId?.(device).catch(() => {}); // unplugged: it goes on ringing where it did
}

/** One ring. */
export function ring() {
  if (!sound || sound.state !== "running") return;
  for (const [index, tone] of [660, 880, 660].entries()) {
    const [source, volume] = [sound.createOscillator(), sound.createGain()];
    const start = sound.currentTime + index * 0.18;
    source.frequency.value = tone;
    volume.gain.setValueAtTime(0, start);
    volume.gain.linearRampToValueAtTime(0.2, start + 0.02);
    volume.gain.linearRampToValueAtTime(0, start + 0.16);
    source.connect(volume).connect(sound.destination);
    source.start(start);
    source.stop(start + 0.17);
  }
}

/** `granted`, `denied`, `default` (not asked yet), or `none` where the browser has no notifications. */
export const mayNotify = () => ("Notification" in window ? Notification.permission : "none");

export const askPermission = () => Notification.requestPermission();

export function announce(title, body) {
  ring();
  if (mayNotify() !== "granted" || !document.hidden) return;
  const shown = new Notification(title, { body, tag: "callbridge-call" });
  shown.onclick = () => {
    window.focus();
    shown.close();
  };
}
