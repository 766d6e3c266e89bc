// Choices that last in this browser.

/** The kept value, or null. */
export function kept(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage is forbidden: the choice lasts as long as the page
  }
}

export function keepChoice(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // see above
  }
}
