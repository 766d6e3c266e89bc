// Microphone, loudspeaker and ring device: which ones, how loud.

const KEY = "callbridge.sound";
const FIRST = { microphone: "", loudspeaker: "", ringer: "", processing: true };

export function chosen() {
  try {
    return { ...FIRST, ...JSON.parse(localStorage.getItem(KEY) || "{}") };
  } catch {
    return FIRST; // storage is forbidden, or holds something else
  }
}

export function choose(change) {
  const next = { ...chosen(), ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(next));
  } catch {
    // the choice lasts as long as the page
  }
  return next;
}

/** The microphone, as chosen; the default one where that has been unplugged. */
export async function openMicrophone({ microphone, processing } = chosen()) {
  const voice = { echoCancellation: processing, noiseSuppression: processing, autoGainControl: processing };
  const device = microphone ? { deviceId: { ideal: microphone } } : {};
  return navigator.mediaDevices.getUserMedia({ audio: { ...voice, ...device }, video: false });
}

/** Why there is no microphone: `denied`, `missing`, `busy`, or `insecure` on a page without https. */
export function microphoneFault(error) {
  if (!navigator.mediaDevices) return "insecure";
  if (error?.name === "NotAllowedError" || error?.name === "SecurityError") return "denied";
  if (error?.name === "NotFoundError" || error?.name === "OverconstrainedError") return "missing";
  return "busy";
}

export async function devices() {
  const all = navigator.mediaDevices ? await navigator.mediaDevices.enumerateDevices() : [];
  const of = (kind) => all.filter((one) => one.kind === kind && one.deviceId).map((one) => ({ id: one.deviceId, label: one.label }));
  return { microphones: of("audioinput"), loudspeakers: of("audiooutput") };
}

export const canChooseLoudspeaker = () => "setSinkId" in HTMLMediaElement.prototype;

/** The loudness of streams, 0 to 1: `level(name)`; `watch(name, stream)`, or null to stop. */
export function meters() {
  let context = null;
  const watched = new Map();
  const samples = new Float32Array(512);
  return {
    watch(name, stream) {
      watched.get(name)?.source.disconnect();
      watched.delete(name);
      if (!stream?.getAudioTracks().length) return;
      context = context || new AudioContext();
      if (context.state === "suspended") context.resume();
      const source = context.createMediaStreamSource(stream);
      const analyser = context.createAnalyser();
      analyser.fftSize = samples.length;
      source.connect(analyser);
      watched.set(name, { source, analyser });
    },
    level(name) {
      const one = watched.get(name);
      if (!one) return 0;
      one.analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, value) => sum + value * value, 0) / samples.length;
      return Math.min(1, Math.sqrt(power) * 3);
    },
    close() {
      for (const { source } of watched.values()) source.disconnect();
      watched.clear();
      context?.close();
      context = null;
    },
  };
}
