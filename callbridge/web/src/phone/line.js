// The phone itself: JsSIP over callbridge's WebSocket to the PBX. It is loaded by the tab that is the phone.

import { UA, WebSocketInterface } from "jssip";
import { answersItself } from "../pure/phone.js";
import { between, sampleOf, totals } from "../pure/quality.js";
import { chosen, devices, meters, microphoneFault, openMicrophone } from "./sound.js";

const DOMAIN = "callbridge.invalid";
/** The PBX knows an endpoint by its name; whatever stands behind the @ is of no account. */
const EXPIRES = 120;
/** Seconds. Timers of a tab in the background run once a minute: JsSIP registers again early enough. */
const ASK_EVERY = 40_000;
/** Milliseconds after which the phone registers again only to see whether anybody is there: a network that is gone says nothing. */
const ANSWERS_WITHIN = 10_000;
/** Milliseconds in which the PBX must take a registration. JsSIP would wait for 32 s, for one that a starting PBX has dropped, too. */
const LOOK_EVERY = 2_000;
/** Milliseconds between two measurements. */
const QUIET = { status_code: 486, reason_phrase: "Busy Here" };

/**
 * `settings`: what `/api/phone` says. `changed(state)`: `{ link, fault, call, quality }`. `link`: `connecting`, `registered`, `lost`,
 * `refused`, or `silent` without a microphone, whose `fault` it says then. `call`: `{ state, from, muted }` or null. Holding is callbridge's.
 */
export function openLine(settings, changed) {
  const audio = document.body.appendChild(new Audio());
  const level = meters();
  let state = { link: "connecting", fault: "", call: null, quality: null };
  let session = null;
  let microphone = null;
  let ended = false;
  let agent = null;
  let measured = null;
  let sample = null;
  let clock = null;
  let wasLost = false;
  let patience = null;
  let heartbeat = null;

  const set = (change) => {
    state = { ...state, ...change };
    if (!ended) changed(state);
  };
  const setCall = (change) => set({ call: state.call && { ...state.call, ...change } });

  function register() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocketInterface(`${scheme}//${location.host}${settings.socket}`);
    const answered = () => clearTimeout(patience);
    const awaitAnswer = () => {
      answered();
      patience = setTimeout(() => {
        socket.disconnect(); // which JsSIP does not notice by itself
        socket.ondisconnect(true, 0, "no answer");
      }, ANSWERS_WITHIN);
    };
    agent = new UA({
      sockets: [socket],
      uri: `sip:${settings.endpoint}@${DOMAIN}`,
      authorization_user: settings.user,
      password: settings.password,
      register_expires: EXPIRES,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 5,
      user_agent: "callbridge",
    });
    agent.on("connecting", awaitAnswer);
    agent.on("registered", () => {
      answered();
      set({ link: "registered" });
      if (wasLost) bringBack();
      wasLost = false;
    });
    agent.on("unregistered", () => set({ link: "connecting" }));
    agent.on("registrationFailed", ({ response }) => {
      answered();
      set({ link: response ? "refused" : "lost", fault: response ? String(response.status_code) : "" });
      if (response) patience = setTimeout(() => agent?.isConnected() && agent.register(), ANSWERS_WITHIN);
    });
    agent.on("disconnected", () => {
      answered();
      wasLost = true;
      set({ link: "lost" });
    });
    agent.on("newRTCSession", ({ originator, session: next, request }) => originator === "remote" && comes(next, request));
    agent.start();
    heartbeat = setInterval(() => {
      if (!agent?.isRegistered()) return;
      awaitAnswer();
      agent.register();
    }, ASK_EVERY);
  }

  // The PBX still knows this phone by a connection that is gone: a new offer says where it is now, and over which network.
  function bringBack() {
    if (!session?.isEstablished()) return;
    const voice = session.connection.iceConnectionState;
    session.renegotiate(["connected", "completed"].includes(voice) ? {} : { rtcOfferConstraints: { iceRestart: true } });
  }

  function comes(next, request) {
    if (session) {
      next.terminate(QUIET);
      return;
    }
    session = next;
    const from = request.from.display_name || request.from.uri.user || "";
    set({ call: { state: "ringing", from, muted: false } });
    next.on("peerconnection", ({ peerconnection }) => heard(peerconnection));
    // One address of this machine is enough to answer; the others may take seconds.
    let ready = null;
    next.on("icecandidate", (event) => {
      ready = ready || setTimeout(event.ready, 200);
    });
    next.on("confirmed", () => {
      setCall({ state: "talking" });
      measure();
    });
    next.on("muted", () => setCall({ muted: true }));
    next.on("unmuted", () => setCall({ muted: false }));
    for (const end of ["ended", "failed"]) next.on(end, over);
    if (answersItself((name) => request.getHeader(name))) answer();
  }

  function heard(connection) {
    connection.addEventListener("iceconnectionstatechange", () => {
      if (connection.iceConnectionState === "failed" && agent?.isRegistered()) bringBack();
    });
    connection.addEventListener("track", ({ streams, track }) => {
      const stream = streams[0] || new MediaStream([track]);
      audio.srcObject = stream;
      useLoudspeaker();
      audio.play().catch(() => {});
      level.watch("theirs", stream);
    });
  }

  function over() {
    session = null;
    clearInterval(clock);
    sample = null;
    audio.srcObject = null;
    level.watch("theirs", null);
    closeMicrophone();
    set({ call: null, quality: null });
  }

  async function answer() {
    const wanted = session;
    if (!wanted || state.call?.state !== "ringing") return;
    setCall({ state: "answering" });
    try {
      microphone = microphone || (await openMicrophone());
      level.watch("mine", microphone);
      if (wanted === session) wanted.answer({ mediaStream: microphone, pcConfig: { iceServers: [] } });
      else closeMicrophone();
    } catch (error) {
      silent(error);
      if (wanted === session) wanted.terminate(QUIET);
    }
  }

  function closeMicrophone() {
    level.watch("mine", null);
    for (const track of microphone?.getTracks() || []) track.stop();
    microphone = null;
  }

  // Without a microphone this is no phone: it does not register, and its agent is offline instead of missing calls.
  function silent(error) {
    quiet();
    agent?.stop();
    agent = null;
    closeMicrophone();
    set({ link: "silent", fault: microphoneFault(error) });
  }

  function quiet() {
    clearInterval(heartbeat);
    clearTimeout(patience);
  }

  async function start() {
    set({ link: "connecting", fault: "" });
    try {
      microphone = await openMicrophone();
      closeMicrophone();
      if (!ended) register();
    } catch (error) {
      silent(error);
    }
  }

  async function useLoudspeaker() {
    const { loudspeaker } = chosen();
    if (audio.setSinkId) await audio.setSinkId(loudspeaker).catch(() => {}); // unplugged: the default one
  }

  async function useMicrophone() {
    if (!microphone || !session?.connection) return;
    const before = microphone;
    try {
      microphone = await openMicrophone();
    } catch {
      return; // the one that is open goes on
    }
    const [track] = microphone.getAudioTracks();
    track.enabled = !state.call?.muted;
    await Promise.all(session.connection.getSenders().map((one) => one.track?.kind === "audio" && one.replaceTrack(track)));
    level.watch("mine", microphone);
    for (const old of before.getTracks()) old.stop();
  }

  // -- quality

  function measure() {
    clearInterval(clock);
    clock = setInterval(look, LOOK_EVERY);
    look();
  }

  async function look() {
    if (!session?.connection) return;
    const next = sampleOf(await session.connection.getStats());
    if (sample) {
      const part = between(sample, next);
      measured?.add(part);
      set({ quality: part });
    }
    sample = next;
  }

  const unplugged = () => devices().then(() => useMicrophone());
  navigator.mediaDevices?.addEventListener("devicechange", unplugged);
  const hurry = () => agent && !agent.isConnected() && agent.start();
  window.addEventListener("online", hurry);
  start();

  return {
    answer,
    start,
    level: level.level,
    hangUp: () => session?.terminate(state.call?.state === "ringing" ? QUIET : undefined),
    mute: (on) => (on ? session?.mute({ audio: true }) : session?.unmute({ audio: true })),
    press: (key) => session?.sendDTMF(key, { transportType: "RFC2833" }),
    devicesChosen: () => Promise.all([useLoudspeaker(), useMicrophone()]),
    /** Measure a conversation: from now until the returned function is called, which gives the sums, or null. */
    conversation() {
      const mine = totals();
      measured = mine;
      return async () => {
        await look();
        if (measured === mine) measured = null;
        return mine.sum();
      };
    },
    close() {
      ended = true;
      window.removeEventListener("online", hurry);
      navigator.mediaDevices?.removeEventListener("devicechange", unplugged);
      clearInterval(clock);
      session?.terminate();
      agent?.stop();
      quiet();
      closeMicrophone();
      level.close();
      audio.remove();
    },
  };
}
