// @ts-check
/** Refusals and faults that nobody else shows: they stand until they are put away. */

/** @typedef {{id: number, text: string}} Told */
/** @type {Told[]} */
let told = [];
let last = 0;
/** @type {Set<(all: Told[]) => void>} */
const listeners = new Set();

/** Show why something did not happen, once for the same sentence. @param {unknown} why */
export function refused(why) {
  const kind = /** @type {any} */ (why)?.kind ?? "";
  const text = why instanceof Error ? why.message : String(why);
  if (kind === "Stale" || kind === "Offline" || told.some((one) => one.text === text)) return; // the save state says "Offline"
  last += 1;
  change([...told, { id: last, text }].slice(-4));
}

/** @param {number} id */
export function putAway(id) { change(told.filter((one) => one.id !== id)); }

/** @param {(all: Told[]) => void} listener */
export function onNotices(listener) {
  listeners.add(listener);
  listener(told);
  return () => { listeners.delete(listener); };
}

/** @param {Told[]} next */
function change(next) {
  told = next;
  for (const listener of [...listeners]) listener(told);
}
if (typeof window !== "undefined") window.addEventListener("unhandledrejection", (event) => { event.preventDefault(); refused(event.reason); });
