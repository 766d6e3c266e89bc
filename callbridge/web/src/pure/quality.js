// How good a conversation sounds: from the figures of getStats to a mean opinion score. Pure.

/** A sample of `RTCPeerConnection.getStats()`, in seconds and packets. `null` where the browser says nothing. */
export function sampleOf(stats) {
  const rows = [...stats.values()].filter((one) => one.kind === "audio" || one.type === "codec");
  const received = rows.find((one) => one.type === "inbound-rtp");
  const theirs = rows.find((one) => one.type === "remote-inbound-rtp");
  const codec = received?.codecId ? stats.get(received.codecId) : null;
  return {
    received: received?.packetsReceived ?? 0,
    lost: Math.max(0, received?.packetsLost ?? 0),
    jitter: received?.jitter ?? null,
    delay: received?.jitterBufferEmittedCount ? received.jitterBufferDelay / received.jitterBufferEmittedCount : 0,
    rtt: theirs?.roundTripTime ?? null,
    lostThere: theirs?.fractionLost ?? null,
    codec: codec?.mimeType?.replace("audio/", "") || "",
  };
}

const PACKET = 0.02;
/** Seconds of voice in a packet, which has to be full before it is sent. */
const R0 = 93.2;
/** The best that the model allows: ITU-T G.107 with its default values. */
const ROBUSTNESS = 25.1;
/** Bpl of G.711 with concealment of lost packets, random loss: ITU-T G.113, appendix I. There is none for Opus, which conceals better. */

/**
 * Mean opinion score, 1 to 4.5, by the E-model of ITU-T G.107 with the simplified delay of Cole and Rosenbluth (2001).
 * `loss`: share of packets; `rtt` and `delay` (of the jitter buffer): seconds.
 */
export function mosOf({ loss, rtt, delay }) {
  const way = 1000 * ((rtt ?? 0) / 2 + delay + PACKET);
  const late = 0.024 * way + (way > 177.3 ? 0.11 * (way - 177.3) : 0);
  const missing = (95 * 100 * loss) / (100 * loss + ROBUSTNESS);
  const r = R0 - late - missing;
  if (r <= 0) return 1;
  return Math.max(1, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6);
}

/** What happened between two samples. */
export function between(before, after) {
  const received = after.received - before.received;
  const lost = Math.max(0, after.lost - before.lost);
  const loss = received + lost > 0 ? lost / (received + lost) : 0;
  return { ...after, received, lost, loss, mos: mosOf({ loss, rtt: after.rtt, delay: after.delay }) };
}

/** Adds up the parts of a conversation: `add(part)` for each, `sum()` at the end; null when nothing was measured. */
export function totals() {
  const parts = [];
  const mean = (key) => {
    const values = parts.map((one) => one[key]).filter((value) => value !== null);
    return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
  };
  return {
    add: (part) => parts.push(part),
    sum() {
      if (!parts.length) return null;
      const received = parts.reduce((sum, one) => sum + one.received, 0);
      const lost = parts.reduce((sum, one) => sum + one.lost, 0);
      const loss = received + lost > 0 ? lost / (received + lost) : 0;
      const rtt = mean("rtt");
      return {
        received,
        lost,
        jitter: mean("jitter"),
        rtt,
        loss_sent: mean("lostThere"),
        mos: mosOf({ loss, rtt, delay: mean("delay") ?? 0 }),
        worst_mos: Math.min(...parts.map((one) => one.mos)),
        codec: parts[parts.length - 1].codec,
      };
    },
  };
}

/** In words, by the bounds of ITU-T G.107 annex B: from 4.03 most users are satisfied, below 3.6 many are not. */
export const gradeOf = (mos) => (mos >= 4.03 ? "met" : mos >= 3.6 ? "near" : "missed");
