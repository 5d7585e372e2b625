// @ts-check
/**
 * Keys, in one place: a view says which key does what while it is shown; typing and dialogs are never disturbed.
 *
 * A key is written "l", "?", "Enter", "Space", "ArrowLeft", "Shift+ArrowLeft", "Shift+l", "mod+s" (Ctrl, or Cmd on a Mac), or as
 * two keys in a row: "g e". A handler that returns false leaves the key to others.
 */
import { useEffect, useRef } from "../vendor/preact-htm.js";
import { state } from "./state.js";

/** @typedef {(event: KeyboardEvent) => any} Act */
/** @typedef {{where: string, acts: () => Record<string, Act>}} Bound */

const PAUSE = 600; // ms that the first of two keys waits for the second
/** @type {Set<Bound>} */
const bound = new Set();
let first = "";
let clock = 0;

/** How an event is written, such as "mod+Shift+z". @param {KeyboardEvent} event */
export function written(event) {
  const key = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const letter = key.length > 1 || key.toLowerCase() !== key.toUpperCase(); // "?" needs Shift to be typed at all
  return `${event.ctrlKey || event.metaKey ? "mod+" : ""}${event.altKey ? "Alt+" : ""}${event.shiftKey && letter ? "Shift+" : ""}${key}`;
}

/** Whether single keys act; a person may switch them off. */
export function singleKeys() { return localStorage.getItem("clew keys") !== "off"; }
/** @param {boolean} wanted */
export function setSingleKeys(wanted) { localStorage.setItem("clew keys", wanted ? "on" : "off"); }

/** Whether a key belongs to what has the focus: text, a list, or a button that it would press. @param {KeyboardEvent} event */
function taken(event) {
  const at = /** @type {HTMLElement | null} */ (event.target instanceof HTMLElement ? event.target : null);
  if (!at) return false;
  if (at.isContentEditable || at.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=button], [type=range])")) return true;
  return (event.key === "Enter" || event.key === " ") && at.closest("button, a, summary, input, [role=button], [role=option], [role=menuitem]") !== null;
}

/** Those that act now: of the view that is shown first, then everywhere; the last bound first. */
function acting() {
  const all = [...bound].reverse();
  return [...all.filter((one) => one.where === state.view), ...all.filter((one) => one.where === "")];
}

/** @param {KeyboardEvent} event */
function press(event) {
  if (event.defaultPrevented || event.isComposing || ["Control", "Shift", "Alt", "Meta"].includes(event.key)) return;
  const key = written(event);
  const modified = key.startsWith("mod+");
  if (document.querySelector("dialog[open]")) return;
  if (key === "mod+z" && taken(event)) return; // the text that is being typed
  if (!modified && key !== "F6" && (taken(event) || (event.key.length === 1 && !singleKeys()))) return;
  const sought = first ? `${first} ${key}` : key;
  first = "";
  clearTimeout(clock);
  for (const one of acting()) {
    const acts = one.acts();
    if (acts[sought] && acts[sought](event) !== false) { event.preventDefault(); return; }
    if (sought === key && Object.keys(acts).some((name) => name.startsWith(`${key} `))) {
      first = key;
      clock = window.setTimeout(() => { first = ""; }, PAUSE);
      return;
    }
  }
}
if (typeof window !== "undefined") window.addEventListener("keydown", press);

/**
 * Preact hook: bind keys while the component is shown.
 * @param {Record<string, Act>} acts
 * @param {{where?: string}} [how]  the view ("explore", "paint", ...); everywhere by default
 */
export function useKeys(acts, { where = "" } = {}) {
  const now = useRef(acts);
  now.current = acts;
  useEffect(() => {
    const one = { where, acts: () => now.current };
    bound.add(one);
    return () => { bound.delete(one); };
  }, [where]);
}
