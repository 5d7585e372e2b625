// @ts-check
/** What the painter knows, and its talk with the server: images, classes, strokes out, answers of the live forest in. */
import { useEffect, useState } from "../vendor/preact-htm.js";
import { BRIGHT } from "../core/marks.js";
import { nameStrokes, stroke, undoStroke, unsent } from "../core/outbox.js";
import { ask, on } from "../core/socket.js";
import { say, state } from "../core/state.js";
import { count } from "../core/words.js";
import { pushesOf, rgb } from "./layers.js";

/** @typedef {import("./painter.js").Painter} Painter */
/** @typedef {{number: number, name: string}} Class */
/** @typedef {{name: string, strokes: number}} Listed */

export const PALETTE = BRIGHT.map(rgb);
export const SIZES = [1, 3, 6, 12, 24];
const NEW = [{ number: 1, name: "object" }, { number: 2, name: "background" }];
const NAMED = /** @type {Record<string, number[]>} */ ({ red: [255, 0, 0], green: [0, 255, 0], blue: [0, 0, 255], gray: [255, 255, 255] });

/**
 * Everything that the parts of the view draw from.
 * @typedef {Object} Room
 * @property {Listed[]} images
 * @property {number} sealed          images that are not offered
 * @property {Class[]} classes
 * @property {string[]} models        saved here
 * @property {string} image           the open one
 * @property {any} info               its axes, channels, contrast
 * @property {number} t
 * @property {number} z
 * @property {number} class           that the brush paints
 * @property {number} size            of the brush, px
 * @property {"brush" | "eraser" | "pan"} tool
 * @property {import("./painter.js").Overlay} overlay
 * @property {boolean} beside         whether uncertainty is shown beside
 * @property {number} channel         whose contrast is set
 * @property {any[]} looks            contrast and colour of each channel, in the image's own numbers
 * @property {any} totals             strokes and pixels of each class
 * @property {string} why             why there is no forest yet
 * @property {string} notice          a refusal
 * @property {number} generation      of the forest that is shown
 * @property {string} measuring
 * @property {any} live               what the last full answer said of the forest
 * @property {any} accuracy
 * @property {any} reasons
 * @property {number[] | null} at     row and column under the cursor
 * @property {number} zoom
 * @property {Map<number, number>} counts  looked-at pixels of each class
 * @property {boolean} saving
 * @property {any} saved              the model that was saved last
 */
/** @type {Room} */
export const room = {
  images: [], sealed: 0, classes: NEW, models: [], image: "", info: null, t: 0, z: 0, class: 1, size: 6, tool: "brush",
  overlay: "classes", beside: false, channel: 0, looks: [], totals: null, why: "", notice: "", generation: 0, measuring: "",
  live: null, accuracy: null, reasons: null, at: null, zoom: 1, counts: new Map(), saving: false, saved: null,
};

/** For measuring: when the last stroke was drawn, saved, first answered and answered in full (ms of the page's clock). */
export const times = { strokes: 0, drawn: 0, saved: 0, preview: 0, full: 0, generation: 0 };

/** @type {Set<() => void>} */
const listeners = new Set();
/** @param {Partial<Room>} patch */
export function change(patch) { Object.assign(room, patch); for (const listener of [...listeners]) listener(); }

/** Preact hook: the room, drawn again at each change. */
export function useRoom() {
  const [, again] = useState(0);
  useEffect(() => {
    const listener = () => again((n) => n + 1);
    listeners.add(listener);
    listener(); // what changed between drawing and listening
    return () => { listeners.delete(listener); };
  }, []);
  return room;
}

/** @type {Painter | null} */
let painter = null;
/** @param {Painter | null} now */
export function attach(now) { painter = now; if (now) Object.assign(/** @type {any} */ (window).clew ?? {}, { paint: times, painter: now }); }

const REST = 500; // ms
const own = new Set(); // names of strokes that were painted on this page
let clock = 0;

/** @param {any} why */
function refused(why) { if (!["Stale", "Offline"].includes(why.kind)) { change({ notice: why.message }); say(why.message); } }

// ---- images ----
/** Learn what there is to paint on, and open the first image or the one that was open. */
export async function enter() {
  try {
    change({ generation: 0, totals: null, live: null, accuracy: null, reasons: null, saved: null, counts: new Map() });
    const told = await ask("paint.images");
    change({ images: told.images, sealed: told.sealed, models: told.models, classes: told.classes.length ? told.classes : NEW });
    const name = room.images.some((one) => one.name === room.image) ? room.image : room.images[0]?.name;
    if (name) await openImage(name);
  } catch (why) { refused(why); }
}

/** @param {string} image */
export async function openImage(image) {
  try {
    change({ image, info: null, notice: "", reasons: null, at: null });
    painter?.open(0, 0, 0, false); // nothing can be painted until its pixels are here: a stroke belongs to what is seen
    const info = await ask("paint.open", { image }, { lane: "paint open" });
    if (room.image !== image) return;
    const [times, , depth] = info.shape;
    const looks = info.contrast.map((/** @type {any} */ one, /** @type {number} */ i) => ({
      ...one, on: i < 3, colour: info.contrast.length === 1 ? NAMED.gray : NAMED[info.channels[i].toLowerCase()] ?? PALETTE[i % PALETTE.length],
    }));
    change({ info, looks, t: times > 1 ? room.t % times : 0, z: depth > 1 ? Math.floor(depth / 2) : 0, channel: 0 });
    await plane(true);
  } catch (why) { refused(why); }
}

/** Turn to another time or depth. @param {number} t @param {number} z */
export async function turn(t, z) { change({ t, z, reasons: null }); painter?.wait(); await plane(false).catch(refused); }

let unfit = false; // an image that was opened and then turned, before its first plane came, must be fitted still

/** @param {boolean} fit */
async function plane(fit) {
  unfit ||= fit;
  const { info, image, t, z } = room;
  const [, , , height, width] = info.shape;
  const pixels = await ask("paint.view", { image, t, z, height, width }, { lane: "paint view" });
  if (!painter || room.image !== image || room.t !== t || room.z !== z) return;
  painter.open(height, width, info.pixel_size[2] ?? 0, unfit);
  unfit = false;
  painter.show(picture(pixels), true);
  await strokes();
  void show();
}

/** @param {any} pixels */
function picture(pixels) {
  const sent = (/** @type {number} */ v) => (pixels.high === null ? v : ((v - pixels.low) / Math.max(pixels.high - pixels.low, 1e-300)) * 65535);
  const channels = pixels.arrays.map((/** @type {any} */ data, /** @type {number} */ i) => {
    const look = room.looks[i];
    return { data, low: sent(look.low), high: sent(look.high), colour: look.colour, on: look.on, sent };
  });
  return { top: pixels.top, left: pixels.left, step: pixels.step, rows: pixels.size[0], columns: pixels.size[1], channels, canvas: null };
}

/** Contrast, or whether a channel is shown. @param {number} channel @param {any} patch */
export function look(channel, patch) {
  const looks = room.looks.map((one, i) => (i === channel ? { ...one, ...patch } : one));
  change({ looks, channel });
  painter?.recolour((/** @type {any} */ one, i) => Object.assign(one, { on: looks[i].on, low: one.sent(looks[i].low), high: one.sent(looks[i].high) }));
}

/** Fetch the pixels that the screen can show and that were left out of a large image. */
async function finer() {
  const whole = painter?.pictures[0];
  if (!painter || !whole || whole.step === 1 || painter.scale * whole.step < 1.3) return;
  const [top, left, bottom, right] = painter.view.map(Math.round);
  if (Math.max(bottom - top, right - left) > 2048 || painter.pictures.some((one) => one.step === 1 && one.top <= top && one.left <= left && one.top + one.rows >= bottom && one.left + one.columns >= right)) return;
  try {
    const pixels = await ask("paint.view", { image: room.image, t: room.t, z: room.z, top, left, height: bottom - top, width: right - left }, { lane: "paint finer" });
    if (painter?.pictures[0] === whole) painter.show(picture(pixels), false); // else another image or plane was opened meanwhile
  } catch (why) { refused(why); }
}

// ---- strokes ----
/** Fetch the strokes of the image; what is not yet saved stays. */
async function strokes() {
  const { image, t, z } = room;
  const told = await ask("strokes.all", { image }, { lane: "paint strokes" });
  let at = 0;
  const all = told.strokes.map((/** @type {any} */ one) => {
    const points = Array.from({ length: one.n }, (_, i) => [told.arrays[0][2 * (at + i)], told.arrays[0][2 * (at + i) + 1]]);
    at += one.n;
    return { client: one.client, class: one.class, radius: one.radius, erase: one.erase, points, saved: true, plane: one.plane };
  });
  const known = new Set(all.map((/** @type {any} */ one) => one.client));
  for (const act of unsent()) {
    const one = act.given.stroke;
    if (act.do === "strokes.add" && one.image === image && !known.has(act.client)) all.push({ ...one, client: act.client, saved: false });
  }
  if (!painter || room.image !== image) return;
  painter.strokes = all.filter((/** @type {any} */ one) => one.plane[0] === t && one.plane[1] === z);
  painter.draw();
  named(Object.entries(told.classes).map(([number, name]) => ({ number: Number(number), name: String(name) })));
}

/** @param {Class[]} known */
function named(known) {
  const taken = new Set(known.map((one) => one.number)), names = new Set(known.map((one) => one.name));
  const left = known.length ? room.classes.filter((one) => NEW.includes(one) && !taken.has(one.number) && !names.has(one.name)) : NEW;
  change({ classes: [...known, ...left].sort((a, b) => a.number - b.number) });
}

/** A stroke was drawn: keep it, send it, and have it answered. @param {{class: number, radius: number, points: number[][], erase: boolean}} drawn */
export function paint(drawn) {
  const client = [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");
  const points = drawn.points.map(([row, column]) => [Math.round(row * 100) / 100, Math.round(column * 100) / 100]);
  const shown = { client, ...drawn, points, saved: false };
  own.add(client);
  painter?.strokes.push(shown);
  painter?.draw();
  clearTimeout(clock);
  times.strokes += 1;
  times.drawn = performance.now();
  times.saved = times.preview = times.full = 0;
  const name = room.classes.find((one) => one.number === drawn.class)?.name;
  stroke({ client, image: room.image, class: drawn.erase ? 0 : drawn.class, radius: drawn.radius, points, plane: [room.t, room.z], erase: drawn.erase, name: drawn.erase ? undefined : name }).then(() => {
    shown.saved = true;
    times.saved = performance.now();
    say(`Stroke saved in ${Math.round(times.saved - times.drawn)} ms`);
    painter?.draw();
    void show();
  }, (why) => {
    if (painter) painter.strokes = painter.strokes.filter((one) => one !== shown);
    painter?.draw();
    refused(why);
  });
}

/** Take the last stroke back. */
export async function undo() {
  try {
    await undoStroke({ image: room.image });
    say("Stroke taken back");
    await strokes();
    void show();
  } catch (why) { refused(why); }
}

/** @param {number} number @param {string} name */
export async function rename(number, name) {
  if (!name.trim() || room.classes.find((one) => one.number === number)?.name === name.trim()) return;
  try { await nameStrokes(number, name.trim()); await strokes(); void show(); } catch (why) { refused(why); }
}

/** @returns {Promise<void>} */
export async function addClass() {
  const number = Math.max(0, ...room.classes.map((one) => one.number)) + 1;
  if (number > 9) { change({ notice: "The painter has nine classes, one for each key." }); return; }
  try {
    for (const one of room.classes) if (NEW.includes(one)) await nameStrokes(one.number, one.name);
    await nameStrokes(number, `class ${number}`);
    await strokes();
    change({ class: number });
  } catch (why) { refused(why); }
}

// ---- the live forest ----
function wantsShares() { return room.beside || room.overlay === "probability"; }

/** Ask for what the forest says of what is seen. */
export async function show() {
  if (!painter?.height || !room.info) return;
  const { image, t, z } = room;
  try {
    const told = await ask("paint.show", { image, t, z, view: painter.view, shares: wantsShares() }, { lane: "paint" });
    if (!painter || room.image !== image) return;
    change({ measuring: "", totals: told, why: told.ready ? "" : told.why, live: told.ready ? told : null });
    if (!told.ready) { painter.forget(); change({ accuracy: null, reasons: null, counts: new Map(), generation: told.generation }); return; }
    const answered = times.full === 0 && times.saved > 0;
    times.full = performance.now();
    times.generation = told.generation;
    if (answered) {
      const full = `${count(told.done)} of ${count(told.tiles)} tiles at full resolution`;
      say(`Stroke ${count(told.total)} saved in ${Math.round(times.saved - times.drawn)} ms, preview ${((times.preview - times.drawn) / 1000).toFixed(2)} s, ${full} ${((times.full - times.drawn) / 1000).toFixed(2)} s`);
    }
    rest();
  } catch (why) { refused(why); }
}

/** What takes longer waits until the hand rests. */
function rest() {
  clearTimeout(clock);
  clock = window.setTimeout(() => {
    if (painter?.doing === "paint") { rest(); return; }
    void judge();
    void explain(room.reasons?.of === room.class ? room.reasons.feature : "");
  }, REST);
}

/** Honest accuracy, beside the naive one. */
async function judge() {
  if (room.accuracy?.generation === room.generation) return;
  try { change({ accuracy: await ask("paint.accuracy", {}, { lane: "paint accuracy" }) }); } catch (why) { refused(why); }
}

/** What speaks for the class that is painted. @param {string} [feature] */
export async function explain(feature = "") {
  const { image, t, z, class: of } = room;
  if (!room.live || !painter || !(room.totals?.pixels?.[room.class] > 0)) { change({ reasons: null }); return; }
  try {
    const told = await ask("paint.reasons", { image, t, z, view: painter.view, of, feature }, { lane: "paint reasons" });
    if (!told.features.length || !painter || room.class !== of) return;
    const [rows, columns] = told.size;
    const canvas = pushesOf(told.arrays[0], rows, columns, told.most);
    painter.shap = { top: told.top, left: told.left, step: told.step, rows, columns, canvas };
    painter.draw();
    change({ reasons: { ...told, canvas, of } });
  } catch (why) { refused(why); }
}

/** Go to where the forest is least sure. */
export async function toSpot() {
  try {
    const spot = await ask("paint.spot", { image: room.image, t: room.t, z: room.z });
    if (!painter) return;
    if (painter.scale < 1.5) painter.scale = 1.5;
    painter.centre(spot.row, spot.column);
    painter.cursor = [spot.row + 0.5, spot.column + 0.5];
    painter.canvas.focus();
    say(`Least sure at row ${spot.row}, column ${spot.column}: uncertainty ${spot.uncertainty.toFixed(2)} of 1. Paint there next.`);
  } catch (why) { refused(why); }
}

/** Keep the model. */
export async function saveModel() {
  if (room.saving) return;
  change({ saving: true });
  try {
    const saved = await ask("paint.save");
    change({ saved, models: [...room.models, saved.model] });
    say(`Saved as ${saved.model} (sha256 ${saved.sha256.slice(0, 12)}), on record as step ${saved.step}`);
  } catch (why) { refused(why); } finally { change({ saving: false }); }
}

/** The view has moved: answer what came into sight. */
export function moved() {
  change({ zoom: painter?.scale ?? 1 });
  clearTimeout(moving);
  moving = window.setTimeout(() => { void finer(); if (room.live) void show(); }, 120);
}
let moving = 0;

/** How the answers are shown. @param {Partial<Room>} patch */
export function overlaid(patch) {
  const before = wantsShares();
  change(patch);
  if (painter) Object.assign(painter, { overlay: room.overlay, beside: room.beside });
  painter?.draw();
  if (wantsShares() && !before && room.live) void show();
}

/** @param {any} told */
const answer = (told) => ({
  top: told.top, left: told.left, step: told.step, rows: told.size[0], columns: told.size[1], classes: told.arrays[0], shares: told.arrays.slice(1), order: told.classes,
});
/** @param {any} told */
const here = (told) => painter !== null && state.view === "paint" && told.image === room.image && told.t === room.t && told.z === room.z && told.generation >= room.generation;

on("paint.preview", (told) => {
  if (!here(told) || !painter) return;
  painter.setPreview(answer(told), told.generation !== room.generation);
  if (!times.preview) times.preview = performance.now();
  change({ generation: told.generation, counts: painter.counts(), measuring: "" });
});
on("paint.tile", (told) => { if (here(told) && told.generation === room.generation) painter?.setTile(answer(told)); });
on("paint.measuring", (told) => { if (told.image === room.image) change({ measuring: told.done < told.total ? `Measuring ${told.done} of ${told.total} tiles` : "" }); });
on("stroked", (told) => {
  if (state.view !== "paint" || !painter || !room.info || own.has(told.client) || own.has(told.of)) return;
  void strokes().then(show, refused);
});
on("open", () => { room.generation = 0; if (state.view === "paint" && painter && room.info) void strokes().then(show, refused); });
