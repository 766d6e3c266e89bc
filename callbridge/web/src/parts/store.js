// A value that components follow.

import { useEffect, useState } from "preact/hooks";

export function store(first) {
  let value = first;
  const followers = new Set();
  return {
    get: () => value,
    set(next) {
      if (next === value) return;
      value = next;
      for (const follower of [...followers]) if (followers.has(follower)) follower(value); // one may make others leave
    },
    subscribe(follower) {
      followers.add(follower);
      return () => followers.delete(follower);
    },
  };
}

export function useStore(one) {
  const [value, set] = useState(one.get());
  useEffect(() => {
    set(one.get());
    return one.subscribe((next) => set(() => next));
  }, [one]);
  return value;
}
