// @ts-check
/** The thumbnails of the Sort view and what is done with them; drawn by sort_view.js. */
import { changing } from "../core/changing.js";
import { classes, labelOf, numbersOfRows } from "../core/labels.js";
import { refused } from "../core/notices.js";
import { give, onAct } from "../core/outbox.js";
import { ask, on } from "../core/socket.js";
import { say, state } from "../core/state.js";
import { counted } from "../core/words.js";

/** @typedef {{row: number, sample: string, title: string, tag: string, about: string}} Tile */
/** @typedef {"random"|"selection"|"predicted"|"uncertain"|"near"} Source */
/** @typedef {{client: string, tiles: Tile[], from: string}} Put */

export const AT_ONCE = 24;

/** @type {{tiles: Tile[], marked: Set<number>, focus: number, source: Source, label: string, total: number, about: string, inside: string, fetching: boolean, trouble: string, fetched: boolean}} */
export const pool = { tiles: [], marked: new Set(), focus: 0, source: "random", label: "", total: 0, about: "", inside: "", fetching: false, trouble: "", fetched: false };
/** @type {Put[]} what was put into bins here, last at the end */
const puts = [];
const { changed, useChanges } = changing();

/** Preact hook: draws again whenever the pool changes. */
export function usePool() { useChanges(); return pool; }

/** Fetch thumbnails; of another source all anew. @param {{source?: Source, label?: string}} [from] */
export async function fetchMore(from = {}) {
  const anew = (from.source ?? pool.source) !== pool.source || (from.label ?? pool.label) !== pool.label || pool.inside !== "";
  Object.assign(pool, from, { fetching: true, trouble: "", inside: "" });
  if (anew) Object.assign(pool, { tiles: [], marked: new Set(), focus: 0, total: 0 });
  changed();
  try {
    const answer = await ask("sort.pool", { source: pool.source, label: pool.label, selection: state.selection.id, n: AT_ONCE, have: pool.tiles.map((tile) => tile.row) }, { lane: "pool" });
    Object.assign(pool, { tiles: [...pool.tiles, ...answer.items], total: answer.total, about: answer.about, fetching: false, fetched: true });
    if (!answer.items.length && pool.tiles.length) say("No more rows of this source.");
  } catch (why) {
    if (/** @type {any} */ (why).kind === "Stale") return;
    Object.assign(pool, { fetching: false, trouble: /** @type {Error} */ (why).message });
  }
  changed();
}

/** The open rows that people put into a bin. @param {string} name */
export function contentOf(name) {
  const number = classes().find((one) => one.name === name)?.number, rows = numbersOfRows(), found = [];
  for (let row = 0; row < rows.length; row += 1) if (rows[row] === number && labelOf(row)?.how === "person") found.push(row);
  return found;
}

/** Show what is in a bin instead of the pool; from there it can be put into another. @param {string} name */
export async function lookInside(name) {
  const rows = contentOf(name);
  const { items } = await ask("sort.told", { rows: rows.slice(0, 200) });
  Object.assign(pool, { tiles: items, marked: new Set(), focus: 0, inside: name, total: rows.length, trouble: "" });
  changed();
}

/** Mark a thumbnail, or take the mark away. @param {number} at */
export function mark(at) {
  const row = pool.tiles[at]?.row;
  if (row === undefined) return;
  const marked = new Set(pool.marked);
  if (!marked.delete(row)) marked.add(row);
  Object.assign(pool, { marked, focus: at });
  changed();
}

/** @param {"all"|"none"} which */
export function markAll(which) {
  pool.marked = new Set(which === "all" ? pool.tiles.map((tile) => tile.row) : []);
  changed();
}

/** @param {number} at */
export function focusOn(at) {
  pool.focus = Math.max(0, Math.min(pool.tiles.length - 1, at));
  changed();
}

/** What a key or a drag moves: the marked thumbnails, or the one in focus. @returns {Tile[]} */
export function chosen() {
  const marked = pool.tiles.filter((tile) => pool.marked.has(tile.row));
  return marked.length ? marked : pool.tiles.slice(pool.focus, pool.focus + 1);
}

/** Put thumbnails into a bin: a label for each, saved at once. @param {Tile[]} tiles @param {string|null} name  null: cannot tell */
export function put(tiles, name) {
  if (!tiles.length || (name !== null && name === pool.inside)) return;
  const rows = new Set(tiles.map((tile) => tile.row));
  puts.push({ client: "", tiles, from: pool.inside });
  Object.assign(pool, { tiles: pool.tiles.filter((tile) => !rows.has(tile.row)), marked: new Set(), total: Math.max(0, pool.total - tiles.length) });
  focusOn(pool.focus);
  const began = performance.now();
  give(tiles.map((tile) => tile.sample), name, { sorted: true })
    .then(() => say(`${counted(tiles.length, "label")} saved in ${Math.max(1, Math.round(performance.now() - began))} ms: ${name ?? "cannot tell"}`)).catch(refused);
  if (!pool.inside && pool.tiles.length === 0) void fetchMore();
}

setTimeout(() => Object.assign(/** @type {any} */ (window).clew ?? {}, { pool })); // for tests and the curious

/** Acts of this page: it knows what they moved. @type {Set<string>} */
const own = new Set();
onAct((act) => {
  own.add(act.client);
  const last = puts[puts.length - 1];
  if (act.do === "labels.give" && last && !last.client && act.given.samples.length === last.tiles.length && act.given.samples[0] === last.tiles[0].sample) last.client = act.client;
  const place = act.do === "labels.undo" ? puts.findIndex((one) => one.client && one.client === act.given.of) : -1;
  if (place < 0) return;
  const [{ tiles, from }] = puts.splice(place, 1);
  if (from === pool.inside) Object.assign(pool, { tiles: [...tiles, ...pool.tiles], focus: 0, total: pool.total + tiles.length });
  say(`Taken back: ${counted(tiles.length, "row")}.`);
  changed();
});
on("labelled", (push) => { // labelled elsewhere: it leaves the pool
  if (!pool.tiles.length || pool.inside || !push.rows || own.has(push.client)) return;
  const gone = new Set(push.rows.filter((/** @type {number} */ _, /** @type {number} */ i) => push.how[i] === 1 && push.numbers[i] !== 0));
  const tiles = pool.tiles.filter((tile) => !gone.has(tile.row));
  if (tiles.length !== pool.tiles.length) { pool.tiles = tiles; focusOn(pool.focus); }
});
