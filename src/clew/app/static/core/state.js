// @ts-check
/** What the page shows now, in one place; the server holds the truth of the study. Views subscribe to what they need. */
import { useEffect, useState } from "../vendor/preact-htm.js";

/**
 * @typedef {Object} Selection
 * @property {number} id        number of the selection on the server; 0: nothing is selected
 * @property {number} n         rows selected
 * @property {string} how       "lasso", "rectangle", "rule", "image", "group", ...
 * @property {Uint8Array} bits  one bit a row (bit i & 7 of byte i >> 3), little-endian
 */

/**
 * @typedef {Object} State
 * @property {boolean} connected
 * @property {any} about             answer of "about": {study, who, people, clew, version}
 * @property {"start"|"explore"|"paint"|"picks"|"denoise"|"sort"|"label"|"validate"|"report"} view
 * @property {number|null} step      number of the look that is shown; null: the latest
 * @property {number} run            run of the ensemble that is shown, from 0
 * @property {string} colour         "group", "label", "confidence", "source", or "feature:NAME"
 * @property {Selection} selection
 * @property {number|null} pinned    row
 * @property {number|null} hovered   row
 * @property {number} unsent         labels, strokes and picks that are not yet acknowledged
 * @property {string} status         the last act, for the status line (the polite live region)
 * @property {any[]} jobs
 * @property {number} version        of rows, looks and record; rises when something is new
 * @property {"system"|"light"|"dark"} theme
 */

/** @type {Selection} */
export const NOTHING = { id: 0, n: 0, how: "", bits: new Uint8Array(0) };

/** @type {State} */
export const state = {
  connected: false, about: null, view: "start", step: null, run: 0, colour: "group", selection: NOTHING,
  pinned: null, hovered: null, unsent: 0, status: "", jobs: [], version: 0, theme: "system",
};

/** @type {Set<() => void>} */
const listeners = new Set();

/** Change some of the state and tell whoever listens. @param {Partial<State>} patch */
export function set(patch) {
  let changed = false;
  for (const [key, value] of Object.entries(patch)) {
    const now = /** @type {any} */ (state);
    if (now[key] !== value) { now[key] = value; changed = true; }
  }
  if (changed) for (const listener of [...listeners]) listener();
}

/** Call ``listener`` after each change. @param {() => void} listener @returns {() => void} what ends it */
export function watch(listener) {
  listeners.add(listener);
  return () => { listeners.delete(listener); };
}

/**
 * Preact hook: a part of the state; renders again when this part changes.
 * @template T
 * @param {(state: State) => T} choose
 * @returns {T}
 */
export function use(choose) {
  const [value, setValue] = useState(() => choose(state));
  useEffect(() => {
    let last = choose(state);
    setValue(() => last);
    return watch(() => { const next = choose(state); if (next !== last) { last = next; setValue(() => next); } });
  }, []);
  return value;
}

/** Say something in the status line, which screen readers read out. @param {string} text */
export function say(text) { set({ status: text }); }
