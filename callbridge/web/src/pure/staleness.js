// Whether what a page shows is old. Pure.

/** Seconds without a word, the server's heartbeat included, after which the data counts as old. */
export const SILENCE = 25;

/** `heardAt`: when the server was last heard, on a clock that never jumps. */
export function silent(heardAt, now) {
  return heardAt === null || now - heardAt > SILENCE;
}

const FIRST_PAUSE = 0.5;
const LONGEST_PAUSE = 10;

/** Seconds before the next attempt to connect. `chance`, 0 to 1, spreads many browsers after a restart. */
export function pauseBefore(attempt, chance) {
  return Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** attempt) * (0.5 + chance / 2);
}
