// @ts-check
/** What several views draw from, and draw again when it changes. */
import { useEffect, useState } from "../vendor/preact-htm.js";

/** @returns {{changed: () => void, useChanges: () => void}} what tells of a change, and the Preact hook that draws again after each */
export function changing() {
  /** @type {Set<() => void>} */
  const listeners = new Set();
  let version = 0;
  return {
    changed() { version += 1; for (const listener of [...listeners]) listener(); },
    useChanges() {
      const [, draw] = useState(version);
      useEffect(() => {
        const listener = () => draw(version);
        listener(); // what changed since it was drawn
        listeners.add(listener);
        return () => { listeners.delete(listener); };
      }, []);
    },
  };
}
