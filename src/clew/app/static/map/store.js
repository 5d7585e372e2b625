// @ts-check
/** What the map panel has fetched, each thing once: the look, places of the runs, colours, the strip, the pinned row. */
import { useEffect, useState } from "../vendor/preact-htm.js";
import { ask, on } from "../core/socket.js";
import { numbersOfRows, watchLabels, classes, refreshLabels } from "../core/labels.js";
import { set, state, watch } from "../core/state.js";

/** @typedef {{step: number, method: string, n: number, n_shown: number, n_placed: number, runs: number, extent: [number, number, number, number], groups: {name: string, n: number}[], wandering: number, shared: number | null, k: number, colours: string[], decodes: boolean, looks: {step: number, method: string}[]}} Look */
/** @typedef {{by: string, kind: "classes" | "values", classes: {name: string, n: number}[], low: number, high: number, unit: string, cut: boolean, of: Uint8Array}} Colours */
/** @typedef {{row: number, sample: string, label: string, group: number | null, group_name: string | null, agree: number | null, runs: number, wanders: boolean, places: Uint16Array}} Row */
/**
 * @typedef {Object} MapState
 * @property {Look | null} look
 * @property {Uint8Array} groups      class of each row; 255 none
 * @property {Uint8Array} wanders     bits
 * @property {Uint16Array | null} places  of the run that is shown
 * @property {Colours | null} colours
 * @property {{n: number, places: Uint16Array, groups: Uint8Array, wanders: Uint8Array} | null} strip
 * @property {Row | null} pinned
 * @property {"pan" | "lasso" | "rectangle"} tool
 * @property {"" | "rule" | "name"} box   the line that is open for typing
 * @property {boolean} playing
 * @property {boolean} pictures       decoded pictures are wanted
 * @property {import("./decoded.js").Decoded | null} decoded  those of the run that is shown
 * @property {number} cell            of the decoded pictures, that is pointed at; -1: none
 * @property {string} error
 */

/** @type {MapState} */
export const map = {
  look: null, groups: new Uint8Array(0), wanders: new Uint8Array(0), places: null, colours: null, strip: null, pinned: null,
  tool: "lasso", box: "", playing: false, pictures: false, decoded: null, cell: -1, error: "",
};
/** @type {Set<() => void>} */
const listeners = new Set();
/** @type {Map<string, Uint16Array>} */
const runs = new Map();
const KEPT = 64e6; // bytes of places of runs that are kept
/** @type {Map<number, Row>} */
const rows = new Map();

/** @param {Partial<MapState>} patch */
export function setMap(patch) { Object.assign(map, patch); for (const listener of [...listeners]) listener(); }

/** @param {() => void} listener @returns {() => void} */
export function watchMap(listener) { listeners.add(listener); return () => { listeners.delete(listener); }; }

/** Preact hook, as `use` of core/state.js. @template T @param {(map: MapState) => T} choose @returns {T} */
export function useMap(choose) {
  const [value, setValue] = useState(() => choose(map));
  useEffect(() => {
    let last = choose(map);
    setValue(() => last);
    return watchMap(() => { const next = choose(map); if (next !== last) { last = next; setValue(() => next); } });
  }, []);
  return value;
}

/** Preact hook: "light" or "dark", whoever changed it. @returns {string} */
export function useTheme() {
  const now = () => document.documentElement.dataset.theme ?? "light";
  const [theme, setTheme] = useState(now);
  useEffect(() => {
    const observer = new MutationObserver(() => setTheme(now()));
    observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => observer.disconnect();
  }, []);
  return theme;
}

/** What was asked for has been asked for anew, or the connection is back soon: no news. @param {any} why */
function passing(why) { if (why.kind !== "Stale" && why.kind !== "Offline") setMap({ error: why.message }); }

/** @param {number} run @returns {Promise<Uint16Array>} */
async function placesOf(run) {
  const key = `${state.step}/${run}`, known = runs.get(key);
  if (known) return known;
  const answer = await ask("map.positions", { step: state.step, run }, { lane: "map.positions" });
  const places = /** @type {Uint16Array} */ (answer.arrays[0]);
  while (runs.size && (runs.size + 1) * places.byteLength > KEPT) runs.delete([...runs.keys()][0]);
  runs.set(key, places);
  return places;
}

/** Learn of the look that is shown; called when the page opens and whenever the record has grown. */
export async function load() {
  try {
    runs.clear();
    rows.clear();
    const [look, places] = await Promise.all([ask("map.look", { step: state.step }, { lane: "map.look" }), placesOf(state.run).catch(async (why) => {
      if (why.kind !== "SettingError" || state.run === 0) throw why;
      set({ run: 0 }); // the look has fewer runs than the one before
      return placesOf(0);
    })]);
    const [groups, wanders] = look.arrays;
    setMap({ look, groups, wanders, places, error: "" });
    if (!look.colours.includes(state.colour)) set({ colour: "group" });
    await colour();
    void pin();
    const strip = await ask("map.strip", { step: state.step }, { lane: "map.strip" });
    setMap({ strip: { n: strip.n, places: strip.arrays[0], groups: strip.arrays[1], wanders: strip.arrays[2] } });
  } catch (why) { passing(why); }
}

/** Colour anew: by group and label what is here already, all else from the server. */
async function colour() {
  const by = state.colour, { look, groups } = map;
  if (!look) return;
  try {
    if (by === "group") setMap({ colours: { ...PLAIN, by, classes: look.groups, of: groups } });
    else if (by === "label") { if (!numbersOfRows().length) await refreshLabels(); setMap({ colours: byLabel(look.n) }); }
    else {
      const answer = await ask("map.colours", { by, step: state.step }, { lane: "map.colours" });
      if (state.colour !== by) return; // another colour was chosen meanwhile, which needed no asking
      setMap({ colours: { ...PLAIN, ...answer, of: answer.arrays[0] } });
    }
  } catch (why) { passing(why); }
}
/** @type {Colours} */
const PLAIN = { by: "", kind: "classes", classes: [], low: 0, high: 1, unit: "", cut: false, of: new Uint8Array(0) };

/** @param {number} n @returns {Colours} */
function byLabel(n) {
  const numbers = numbersOfRows(), all = classes(), of = new Uint8Array(n).fill(255), sizes = new Array(all.length).fill(0);
  for (let row = 0; row < numbers.length; row += 1) {
    if (numbers[row] > 0 && numbers[row] <= all.length) { of[row] = Math.min(254, numbers[row] - 1); sizes[numbers[row] - 1] += 1; }
  }
  return { ...PLAIN, by: "label", classes: all.map(({ name }, i) => ({ name, n: sizes[i] })), of };
}

/** One row in words and in all runs. @param {number} row @returns {Promise<Row>} */
export async function rowOf(row) {
  const known = rows.get(row);
  if (known) return known;
  const answer = await ask("map.row", { row, step: state.step }, { lane: "map.row" });
  if (rows.size > 2000) rows.clear();
  const told = { ...answer, places: answer.arrays[0] };
  rows.set(row, told);
  return told;
}

async function pin() {
  const row = state.pinned;
  if (row === null) { setMap({ pinned: null }); return; }
  try {
    const answer = await ask("map.row", { row, step: state.step }, { lane: "map.pinned" });
    if (state.pinned !== row) return; // let go meanwhile
    setMap({ pinned: { ...answer, places: answer.arrays[0] } });
  } catch (why) { passing(why); }
}

let seen = { step: state.step, run: state.run, colour: state.colour, pinned: state.pinned };
let followed = false;

/** Fetch what is missing, from the first time that the panel is shown on. */
export function follow() {
  if (!followed) {
    followed = true;
    on("open", () => void load());
    on("changed", ({ what }) => { if (what === "record") void load(); });
    watchLabels(() => { rows.clear(); if (state.colour === "label") void colour(); });
    watch(() => {
      const before = seen, now = seen = { step: state.step, run: state.run, colour: state.colour, pinned: state.pinned };
      if (seen.step !== before.step) { void load(); return; }
      if (seen.run !== before.run && map.look) placesOf(seen.run).then((places) => { if (state.run === now.run && state.step === now.step) setMap({ places }); }, passing);
      if (seen.colour !== before.colour) void colour();
      if (seen.pinned !== before.pinned) void pin();
    });
  }
  if (!map.look) void load();
}
