// @ts-check
/** What the room of picks knows, and its talk with the server: recordings, what a model says, what people say. */
import { useEffect, useState } from "../vendor/preact-htm.js";
import { actOnPick, onAct, undoPick, unsent } from "../core/outbox.js";
import { ask, on } from "../core/socket.js";
import { say } from "../core/state.js";
import { count, counted } from "../core/words.js";

/** @typedef {{name: string, station: string, start: number, lasts: number, rate: number, dated: boolean, components: string[], said: number}} Recording */
/** @typedef {{client: string, who: string, at: string, phase: string, time: number, kind: "put" | "rejected", probability: number | null, asked: number | null, unsaved?: boolean}} Pick */
/** @typedef {{recording: string, phase: string, time: number, probability: number, threshold: number, judged: boolean}} Candidate */
/** @typedef {{kind: "candidate", time: number, phase: string} | {kind: "pick", client: string}} Focus */
/** @typedef {{start: number, lasts: number, n: number, components: string[], values: Float32Array}} Trace */
/** @typedef {{start: number, lasts: number, n: number, labels: string[], thresholds: number[], values: Float32Array}} Curves */

/** Without a model: people pick by hand. */
export const NONE = "none";
const SHORTEST = 0.2; // s that are seen at least
const CLOSE = 20; // s round a pick that is proposed
const REST = 450; // ms after the last key until a move is recorded
const CURVES = 400000; // samples of which a model is asked for one picture

/**
 * @typedef {Object} Room
 * @property {Recording[]} recordings
 * @property {number} sealed          recordings that are not shown
 * @property {string[]} models
 * @property {string[]} bands
 * @property {{id: number, n: number, headline: string, model: string} | null} step   the last that picked
 * @property {boolean} ready
 * @property {string} recording       the one that is shown
 * @property {string} model           whose picks are judged: "" of the last step, NONE of none
 * @property {string} band
 * @property {number} start           of what is seen, in s behind the first sample
 * @property {number} lasts
 * @property {number} cursor          in s as the recording has it
 * @property {Focus | null} focus
 * @property {Pick[]} picks           of the recording, as they stand on the server
 * @property {Candidate[]} candidates of the recording
 * @property {string} sha             of the model whose candidates these are
 * @property {boolean} heard          whether the model was asked about this recording
 * @property {Trace | null} trace
 * @property {Curves | null} curves
 * @property {string} why             why there is no trace
 * @property {string} mute            why there are no curves
 * @property {{done: number, total: number} | null} asking
 * @property {{next: Candidate[], left: number, n: number}} queue
 * @property {boolean} going          whether the last step was to the most uncertain pick
 * @property {{client: string, time: number} | null} held  a pick on its way under the hand
 */
/** @type {Room} */
export const room = {
  recordings: [], sealed: 0, models: [], bands: [], step: null, ready: false, recording: "", model: NONE, band: "as recorded", start: 0, lasts: 60,
  cursor: 0, focus: null, picks: [], candidates: [], sha: "", heard: false, trace: null, curves: null, why: "", mute: "", asking: null,
  queue: { next: [], left: 0, n: 0 }, going: false, held: null,
};

/** @type {Set<() => void>} */
const listeners = new Set();
/** @param {Partial<Room>} patch */
export function change(patch) { Object.assign(room, patch); for (const tell of [...listeners]) tell(); }
/** Preact hook: draw again after each change. */
export function useRoom() {
  const [, draw] = useState(0);
  useEffect(() => { const tell = () => draw((n) => n + 1); listeners.add(tell); return () => { listeners.delete(tell); }; }, []);
  return room;
}
/** @param {() => void} tell @returns {() => void} */
export function watchRoom(tell) { listeners.add(tell); return () => { listeners.delete(tell); }; }

/** @returns {Recording | undefined} */
export function shown() { return room.recordings.find((one) => one.name === room.recording); }
/** How many px wide the picture is; it says how much is asked for. */
let width = 1000;
/** @param {number} px */
export function setWidth(px) { width = Math.max(64, px); void look(); }

/** Where a refusal is told: in the picture, and not twice. @param {any} why @param {"why" | "mute"} where */
function refuse(why, where) { if (why.kind !== "Stale" && why.kind !== "Offline") change({ [where]: why.message }); }

// ---- what is shown ----
/** Come into the room: learn what there is, and go on where one was. */
export async function enter() {
  const told = await ask("picks.open");
  const known = told.recordings.some((/** @type {Recording} */ one) => one.name === room.recording);
  const model = room.ready && (room.model === NONE || room.model === "" ? told.step || room.model === NONE : told.models.includes(room.model)) ? room.model : told.step ? "" : told.models[0] ?? NONE;
  change({ ...told, ready: true, model });
  if (told.recordings.length) await open(known ? room.recording : told.recordings[0].name, known);
}

/** Turn to a recording. @param {string} name @param {boolean} [stay] keep the piece that is seen */
export async function open(name, stay = false) {
  flush();
  const one = room.recordings.find((other) => other.name === name);
  if (!one) return;
  if (!stay) change({ start: 0, lasts: Math.min(one.lasts, 120), cursor: one.start, focus: null });
  change({ recording: name, picks: [], candidates: [], trace: null, curves: null, why: "", mute: "", heard: false });
  await Promise.all([look(), refresh(), propose()]);
}

/** Acts that are on the server's disk, and not yet in what was read of it. @type {Map<string, {do: string, given: any}>} */
const settling = new Map();

/** Read again what people and the model say of the recording. */
export async function refresh() {
  const { recording, model } = room;
  if (!recording) return;
  const settled = [...settling.keys()];
  try {
    const told = await ask("picks.of", { recording, model: model === NONE ? "" : model }, { lane: "picks.of" });
    const none = model === NONE;
    for (const client of settled) settling.delete(client);
    change({ picks: told.picks, candidates: none ? [] : told.candidates, sha: none ? "" : told.model, heard: !none && told.heard });
  } catch (error) { refuse(error, "why"); }
}

/** Read again which picks are proposed. */
async function propose() {
  if (room.model === NONE) { change({ queue: { next: [], left: 0, n: 0 } }); return; }
  try { change({ queue: await ask("picks.next", { model: room.model }, { lane: "picks.next" }) }); } catch (error) { refuse(error, "mute"); }
}

/** Read the piece that is seen, and what the model says of it. */
export async function look() {
  const { recording, start, lasts, band } = room, held = shown();
  if (!held) return;
  const points = Math.min(4096, Math.ceil(width / 64) * 64);
  ask("picks.trace", { recording, start, lasts, points, band }, { lane: "picks.trace" }).then((told) => {
    if (told.recording === room.recording) change({ trace: { ...told, values: told.arrays[0] }, why: "" });
  }, (error) => refuse(error, "why"));
  const model = curveModel();
  if (!model) { change({ curves: null, mute: "" }); return; }
  if (lasts * held.rate > CURVES) { change({ curves: null, mute: "Zoom in to see what the model says at each moment." }); return; }
  ask("picks.curves", { recording, start, lasts, points, model }, { lane: "picks.curves" }).then((told) => {
    if (told.recording === room.recording && told.arrays.length) change({ curves: { ...told, values: told.arrays[0] }, mute: "" });
  }, (error) => refuse(error, "mute"));
}

/** The model whose curves are drawn: the chosen one, or that of the last step where the study has it. */
export function curveModel() { return room.model === NONE ? "" : room.model || room.step?.model || ""; }

let clock = 0;
/** Show another piece. @param {number} start @param {number} [lasts] */
export function view(start, lasts = room.lasts) {
  const held = shown();
  if (!held) return;
  const wide = Math.min(held.lasts, Math.max(SHORTEST, lasts));
  change({ lasts: wide, start: Math.min(Math.max(0, start), held.lasts - wide) });
  clearTimeout(clock);
  clock = window.setTimeout(() => void look(), 60);
}

/** Show more or less about a moment. @param {number} by @param {number} [about] s behind the first sample; the cursor, where it is seen */
export function zoom(by, about) {
  const held = shown();
  if (!held) return;
  const cursor = room.cursor - held.start, seen = cursor >= room.start && cursor <= room.start + room.lasts;
  const middle = about ?? (seen ? cursor : room.start + room.lasts / 2), lasts = Math.min(held.lasts, Math.max(SHORTEST, room.lasts / by));
  view(middle - ((middle - room.start) / room.lasts) * lasts, lasts);
}

/** Bring a moment into the middle, unless it is well in sight. @param {number} time @param {number} [lasts] */
function reach(time, lasts = room.lasts) {
  const held = shown();
  if (!held) return;
  const at = (time - held.start - room.start) / room.lasts;
  if (lasts !== room.lasts || at < 0.1 || at > 0.9) view(time - held.start - lasts / 2, lasts);
}

/** @param {string} band */
export function setBand(band) { change({ band }); void look(); }

/** Judge the picks of another model. @param {string} model */
export async function setModel(model) {
  flush();
  change({ model, candidates: [], curves: null, focus: null, heard: false, mute: "" });
  await Promise.all([look(), refresh(), propose()]);
}

/** Have the chosen model go along the recording. */
export async function listen() {
  const { recording, model } = room;
  change({ asking: { done: 0, total: 0 }, mute: "" });
  try {
    await ask("picks.ask", { recording, model }, { lane: "picks.ask" });
    await Promise.all([refresh(), propose()]);
    say(`${counted(room.candidates.length, "pick")} of ${model} in ${recording}, down to half of its thresholds.`);
  } catch (error) { refuse(error, "mute"); } finally { change({ asking: null }); }
}

/** Have the chosen model go along all recordings; what it finds goes on record, and is shown when it is there. */
export async function listenToAll() {
  try { await ask("picks.run", { model: room.model }); } catch (error) { refuse(error, "mute"); }
}

/** Something is on record that was not: another model, or what it found. */
async function renew() {
  if (!room.ready) return;
  const told = await ask("picks.open"), fresh = told.step && told.step.id !== room.step?.id;
  change(told);
  if (fresh) await setModel("");
}

// ---- what stands, what was said here and is not yet acknowledged included ----
/** @returns {Pick[]} in the order of time */
export function standing() {
  let found = room.picks.map((one) => ({ ...one }));
  const put = (/** @type {any} */ given, /** @type {"put" | "rejected"} */ kind) => {
    if (given.recording !== room.recording || found.some((one) => one.client === given.client)) return;
    found.push({ client: given.client, who: "", at: "", phase: given.phase, time: given.time, kind, probability: given.probability ?? null, asked: given.asked ?? (kind === "put" ? null : given.time), unsaved: true });
  };
  for (const { do: what, given } of [...settling.values(), ...unsent()]) {
    if (what === "picks.put") put(given, "put");
    else if (what === "picks.reject") put(given, "rejected");
    else if (what === "picks.delete") found = found.filter((one) => one.client !== given.pick);
    else if (what === "picks.move") found = found.map((one) => (one.client === given.pick ? { ...one, time: given.time, unsaved: true } : one));
  }
  const { held } = room;
  if (held) found = found.map((one) => (one.client === held.client ? { ...one, time: held.time, unsaved: true } : one));
  return found.sort((a, b) => a.time - b.time);
}

/** The model's picks that nobody has judged, what is under way included. @returns {Candidate[]} */
export function unjudged() {
  const said = standing().filter((one) => one.unsaved);
  return room.candidates.filter((one) => !one.judged && !said.some((other) => other.phase === one.phase && Math.abs((other.asked ?? other.time) - one.time) <= 0.5));
}

/** @typedef {{time: number, phase: string, focus: Focus, probability: number | null, pick: Pick | null}} Item */
/** All that the keys go along: picks that stand, and a model's that nobody has judged. @returns {Item[]} */
export function items() {
  const people = standing().map((one) => ({ time: one.time, phase: one.phase, focus: /** @type {Focus} */ ({ kind: "pick", client: one.client }), probability: one.probability, pick: /** @type {Pick | null} */ (one) }));
  const model = unjudged().map((one) => ({ time: one.time, phase: one.phase, focus: /** @type {Focus} */ ({ kind: "candidate", time: one.time, phase: one.phase }), probability: one.probability, pick: null }));
  return [...people, ...model].sort((a, b) => a.time - b.time);
}

/** @param {Focus | null} a @param {Focus | null} b */
export function same(a, b) {
  if (!a || !b || a.kind !== b.kind) return false;
  return a.kind === "pick" ? a.client === /** @type {any} */ (b).client : a.time === /** @type {any} */ (b).time && a.phase === /** @type {any} */ (b).phase;
}

/** The item that has the focus. @returns {Item | undefined} */
export function focused() { return room.focus ? items().find((one) => same(one.focus, room.focus)) : undefined; }

// ---- going about ----
/** @param {Item} item */
export function goTo(item) {
  flush();
  change({ focus: item.focus, cursor: item.time, going: false });
  reach(item.time);
  said(item);
}

/** @param {Item} item */
function said(item) {
  const held = shown(), what = item.pick ? (item.pick.kind === "put" ? `${item.phase} by ${item.pick.who || "you"}` : `${item.phase} rejected`) : `${item.phase}, probability ${item.probability?.toFixed(2)}, not judged`;
  if (held) say(`${what}, ${clocked(item.time, held.dated)}.`);
}

/** To the next item in time, or the one before. @param {1 | -1} way */
export function step(way) {
  flush();
  const all = items(), at = all.findIndex((one) => same(one.focus, room.focus));
  const next = at >= 0 ? all[at + way] : way > 0 ? all.find((one) => one.time > room.cursor) : [...all].reverse().find((one) => one.time < room.cursor);
  if (next) goTo(next);
  else say(all.length ? `No pick ${way > 0 ? "behind" : "before"} this one.` : "No picks in this recording yet: P or S puts one at the cursor.");
}

/** Where one was taken by "next". @type {Candidate[]} */
const trail = [];

/** To the pick of which there is most to learn; back along the way one came. @param {1 | -1} way */
export async function jump(way) {
  flush();
  if (way < 0) {
    trail.pop();
    const before = trail.at(-1);
    if (before) await show(before);
    return;
  }
  await propose();
  const here = /** @type {any} */ (room.focus);
  const next = room.queue.next.find((one) => !(one.recording === room.recording && here?.kind === "candidate" && here.time === one.time && here.phase === one.phase));
  if (!next) { say(room.model === NONE ? "No model is asked: there is nothing to judge." : "Every pick of this model is judged."); return; }
  trail.push(next);
  await show(next);
}

/** @param {Candidate} one */
async function show(one) {
  if (one.recording !== room.recording) await open(one.recording);
  const lasts = Math.min(CLOSE, shown()?.lasts ?? CLOSE);
  change({ focus: { kind: "candidate", time: one.time, phase: one.phase }, cursor: one.time, going: true });
  reach(one.time, Math.min(room.lasts, lasts));
  say(`${one.phase}, probability ${one.probability.toFixed(2)}: nearest to the threshold of ${one.threshold.toFixed(2)}. ${counted(room.queue.left, "pick")} not judged.`);
}

/** To the next recording, or the one before. @param {1 | -1} way */
export function turn(way) {
  const at = room.recordings.findIndex((one) => one.name === room.recording), next = room.recordings[at + way];
  if (next) void open(next.name); else say(way > 0 ? "This is the last recording." : "This is the first recording.");
}

// ---- acts ----
/** A pick of this phase at the cursor. @param {string} phase */
export function putHere(phase) {
  flush();
  const held = shown();
  if (held) void sent("picks.put", { recording: held.name, phase, time: room.cursor }, `${phase} at ${clocked(room.cursor, held.dated)}.`, true);
}

/** Agree with the model's pick that has the focus, at the cursor. */
export function confirm() {
  const item = focused(), held = shown();
  if (!item || !held) return false;
  if (item.pick) { if (item.pick.kind === "rejected") return false; say(`${item.phase} stands already.`); return undefined; }
  void sent("picks.put", { recording: held.name, phase: item.phase, time: room.cursor, asked: item.time, probability: item.probability, model: room.sha }, `${item.phase} confirmed.`, !room.going).then(onward);
  return undefined;
}

/** Reject the model's pick that has the focus, or delete that of a person. */
export function drop() {
  flush();
  const item = focused(), held = shown();
  if (!item || !held) return false;
  if (item.pick) { change({ focus: null }); void sent("picks.delete", { pick: item.pick.client }, item.pick.kind === "put" ? `${item.phase} deleted.` : `${item.phase}: no longer rejected.`); return undefined; }
  change({ focus: null });
  void sent("picks.reject", { recording: held.name, phase: item.phase, time: item.time, probability: item.probability, model: room.sha }, `${item.phase} rejected.`).then(onward);
  return undefined;
}

/** On to the next one, where one is led. */
function onward() { if (room.going) void jump(1); }

let rest = 0;
/** Move the pick that has the focus by samples, or the cursor; it is recorded when the hand rests. @param {number} samples */
export function nudge(samples) {
  const held = shown(), item = focused();
  if (!held) return;
  moveTo((item?.pick ? item.time : room.cursor) + samples / held.rate);
}

/** @param {number} time @param {boolean} [now] record it at once */
export function moveTo(time, now = false) {
  const held = shown(), item = focused();
  if (!held) return;
  const within = Math.min(Math.max(held.start, time), held.start + held.lasts - 1 / held.rate);
  change({ cursor: within });
  if (item?.pick?.kind === "put") {
    change({ held: { client: item.pick.client, time: within } });
    clearTimeout(rest);
    if (now) flush(); else rest = window.setTimeout(flush, REST);
  }
}

/** Record a move that is under way. */
export function flush() {
  clearTimeout(rest);
  const { held } = room, one = shown();
  if (!held || !one) return;
  const was = room.picks.find((pick) => pick.client === held.client);
  if (was && was.time === held.time) { change({ held: null }); return; }
  void sent("picks.move", { recording: room.recording, pick: held.client, time: held.time }, `${was?.phase ?? "Pick"} moved to ${clocked(held.time, one.dated)}.`);
  change({ held: null });
}

/** @param {string} what @param {any} given @param {string} words @param {boolean} [keep] whether the new pick has the focus then */
async function sent(what, given, words, keep = false) {
  const act = actOnPick(what, given);
  if (keep) change({ focus: { kind: "pick", client: act.client } });
  try { await act.kept; say(words); } catch { await refresh(); }
}

/** Take the last act back. */
export function undo() {
  flush();
  undoPick().then(async (told) => {
    say("Taken back: the last act on a pick.");
    if (told.recording !== room.recording) await open(told.recording);
    else { await refresh(); const item = focused(); if (item) change({ cursor: item.time }); }
  }, () => undefined);
}

/** "12:25:01.650", or "66.020 s" where nothing is dated. @param {number} time @param {boolean} dated */
export function clocked(time, dated) { return dated ? new Date(Math.round(time * 1000)).toISOString().slice(11, 23) : `${time.toFixed(3)} s`; }

/** "3 of 12 judged". */
export function progress() {
  const { left, n } = room.queue;
  return `${count(n - left)} of ${counted(n, "pick")} judged`;
}

on("picked", ({ recording }) => { if (room.recording === recording) void refresh(); void propose(); });
on("changed", () => { renew().catch(() => undefined); });
on("picks.asking", (told) => { if (room.asking && told.recording === room.recording) change({ asking: { done: told.done, total: told.total } }); });
onAct((act, what) => {
  if (!act.do.startsWith("picks.")) return;
  if (what === "kept") settling.set(act.client, act);
  change({});
});
