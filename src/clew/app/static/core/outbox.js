// @ts-check
/**
 * What is said on this page goes out once and is never lost: first into the browser's own store (IndexedDB), then to the
 * server, in order, again and again until it is acknowledged. Each act has a name made here, so that the server knows it again.
 */
import { useEffect, useState } from "../vendor/preact-htm.js";
import { refused as notice } from "./notices.js";
import { ask, on } from "./socket.js";
import { say, set, state, watch } from "./state.js";
import { counted } from "./words.js";

/** @typedef {{client: string, study: string, order: number, do: string, given: any}} Act */
/** @typedef {{act: Act, why: string}} Refusal */

const STORE = "outbox";
/** Refusals that no second try would change; others are of the moment. */
const FOR_GOOD = ["SettingError", "DataError", "SealedError", "MissingError"];
const MOST_FAULTS = 3;

/** @type {Map<string, Act>} by name, in order */
const queue = new Map();
/** @type {Map<string, {resolve: (answer: any) => void, reject: (why: Error) => void}>} */
const promised = new Map();
/** @type {Refusal[]} */
export const refusals = [];
/** Acts of this page that can be undone, last first. @type {{labels: string[], strokes: string[], picks: string[]}} */
const done = { labels: [], strokes: [], picks: [] };
/** @type {((act: Act, what: "made" | "kept" | "refused") => void)[]} */
const listeners = [];

let study = "";
let order = Date.now();
let sending = false;
let faults = 0;
let pause = 500;
/** Whether the server is there, but another process than the one that let this page in. */
let anew = false;
/** @type {Promise<IDBDatabase | null>} */
const store = open();

/** Whether what is unsent would survive the end of this page. */
export let keeps = true;

/** @returns {Promise<IDBDatabase | null>} */
function open() {
  return new Promise((resolve) => {
    const none = () => { keeps = false; resolve(null); };
    try {
      const request = indexedDB.open("clew", 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "client" });
      request.onsuccess = () => resolve(request.result);
      request.onerror = none;
      request.onblocked = none;
    } catch { none(); }
  });
}

/** @template T @param {"readonly"|"readwrite"} mode @param {(store: IDBObjectStore) => IDBRequest<T>} work @returns {Promise<T | null>} */
async function stored(mode, work) {
  const db = await store;
  if (!db) return null;
  return new Promise((resolve) => {
    const transaction = db.transaction(STORE, mode);
    const request = work(transaction.objectStore(STORE));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = transaction.onerror = () => { keeps = false; tell(); resolve(null); };
  });
}

/** A new name of an act. */
function fresh() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((one) => one.toString(16).padStart(2, "0")).join("");
}

function tell() { set({ unsent: queue.size }); }

/** "All saved", or how many are not, and why. @returns {{text: string, safe: boolean}} */
export function saveState() {
  const n = state.unsent, safe = n === 0 && state.connected;
  if (anew) return { text: `Server started anew${n ? `, ${n} kept in this browser` : ""}`, safe };
  if (!n) return { text: state.connected ? "All saved" : "Offline, trying again", safe };
  if (!keeps) return { text: `${n} not saved: do not close this page`, safe };
  return { text: state.connected ? `${n} not saved, trying again` : `Offline, ${n} kept in this browser`, safe };
}

/** Preact hook: `saveState`, and again when it changes. @returns {{text: string, safe: boolean}} */
export function useSaveState() {
  const [now, setNow] = useState(saveState);
  useEffect(() => watch(() => setNow((was) => { const next = saveState(); return next.text === was.text && next.safe === was.safe ? was : next; })), []);
  return now;
}

/**
 * Put an act into the queue, and into the browser's store at the same time; the promise is kept when the server has it on disk.
 * @param {string} what @param {any} given @returns {Promise<any>}
 */
function send(what, given) {
  order += 1;
  const act = { client: given.client ?? fresh(), study, order, do: what, given };
  act.given = { ...given, client: act.client };
  queue.set(act.client, act);
  tell();
  for (const listener of listeners) listener(act, "made");
  void stored("readwrite", (all) => all.put(act));
  return new Promise((resolve, reject) => {
    promised.set(act.client, { resolve, reject });
    void pump();
  });
}

/** Send what waits, one after the other: what was said first is recorded first. */
async function pump() {
  if (sending || !study || !state.connected) return;
  sending = true;
  try {
    for (let act = next(); act; act = next()) {
      try {
        settle(act, await ask(act.do, act.given, { study: act.study }), null);
        faults = 0; pause = 500;
      } catch (error) {
        if (!(await failed(act, /** @type {any} */ (error)))) return;
      }
    }
  } finally { sending = false; }
}

/** @returns {Act | undefined} the first act of this study */
function next() {
  let first;
  for (const act of queue.values()) if (act.study === study && (!first || act.order < first.order)) first = act;
  return first;
}

/** @param {Act} act @param {{message: string, kind?: string}} error @returns {Promise<boolean>} whether the next may go */
async function failed(act, error) {
  const kind = error.kind ?? "Fault";
  if (kind === "Fault") faults += 1;
  if (FOR_GOOD.includes(kind) || faults > MOST_FAULTS) {
    faults = 0;
    settle(act, null, new Error(error.message));
    return true;
  }
  if (kind !== "Offline") {
    say(error.message);
    setTimeout(() => void pump(), pause);
    pause = Math.min(10000, pause * 2);
  }
  tell();
  return false;
}

/** @param {Act} act @param {any} answer @param {Error | null} refused */
function settle(act, answer, refused) {
  queue.delete(act.client);
  void stored("readwrite", (all) => all.delete(act.client));
  const waiting = promised.get(act.client);
  promised.delete(act.client);
  if (refused) {
    refusals.push({ act, why: refused.message });
    say(`Not recorded: ${refused.message}`);
    notice(refused);  // stands until it is put away
    waiting?.reject(refused);
  } else waiting?.resolve(answer);
  for (const listener of listeners) listener(act, refused ? "refused" : "kept");
  tell();
}

/** Hear of each act as it is made here, kept by the server, or refused for good. @param {(act: Act, what: "made" | "kept" | "refused") => void} listener */
export function onAct(listener) { listeners.push(listener); }

/** The acts that are not acknowledged, in order. @returns {Act[]} */
export function unsent() { return [...queue.values()].filter((act) => act.study === study).sort((a, b) => a.order - b.order); }

/**
 * Give samples a class; null: looked at, and cannot be told.
 * @param {string[]} samples @param {string | null} label @param {any} [extra]  short values kept beside the act
 * @returns {Promise<any>} kept when it is on the server's disk
 */
export function give(samples, label, extra) {
  const client = fresh();
  done.labels.push(client);
  return quiet(send("labels.give", { client, samples, label, ...(extra ? { extra } : {}) }), done.labels, client);
}

/** Give all rows of a selection a class. @param {number} selection its number @param {string | null} label @returns {Promise<any>} */
export async function giveSelection(selection, label) {
  const client = fresh();
  try {  // a selection lives on the server, so that there is nothing to keep here
    const answer = await ask("labels.give_selection", { client, selection, label }, { study });
    done.labels.push(client);
    return answer;
  } catch (error) {
    say(`Not recorded: ${/** @type {Error} */ (error).message}`);
    throw error;
  }
}

/** Make a class that has no label yet. @param {string} label @returns {Promise<any>} */
export function makeClass(label) { return send("labels.make", { label }); }

/** Pass a sample over until nothing else is left; with ``back``, ask for it after all. @param {string} sample @param {boolean} [back] @returns {Promise<any>} */
export function passOver(sample, back = false) { return send("queue.skip", { sample, back }); }

/** Ask every so many-th item of a second person, in this study; 0: none. @param {number} every @returns {Promise<any>} */
export function askTwo(every) { return send("queue.ask_two", { every }); }

/** Take the last act of labelling back: of this page, or else the person's last. @returns {Promise<any>} */
export function undo() {
  const of = done.labels.pop();
  return send("labels.undo", of ? { of } : {});
}

/**
 * Record a stroke.
 * @param {{image: string, class: number, radius: number, points: number[][], plane?: number[], erase?: boolean, name?: string, sequence?: number, client?: string}} data
 * @returns {Promise<any>}
 */
export function stroke(data) {
  const { client = fresh(), ...rest } = data;
  done.strokes.push(client);
  return quiet(send("strokes.add", { client, stroke: rest }), done.strokes, client);
}

/** Take a stroke back: the one named, or the last of this page, or else the person's last on an image. @param {{of?: string, image?: string}} [which] @returns {Promise<any>} */
export function undoStroke(which = {}) {
  const of = which.of ?? done.strokes.pop();
  done.strokes = done.strokes.filter((one) => one !== of);
  return send("strokes.undo", of ? { of } : which.image ? { image: which.image } : {});
}

/** Give a number of the painter a name. @param {number} number @param {string} name @returns {Promise<any>} */
export function nameStrokes(number, name) { return send("strokes.name", { number, name }); }

/**
 * Put, move, delete or reject a pick.
 * @param {string} what  "picks.put", "picks.move", ... @param {any} given
 * @returns {{client: string, kept: Promise<any>}} its name, and what comes when it is on the server's disk
 */
export function actOnPick(what, given) {
  const client = fresh();
  done.picks.push(client);
  return { client, kept: quiet(send(what, { client, ...given }), done.picks, client) };
}

/** Take an act on a pick back: the last of this page, or else the person's last. @returns {Promise<any>} */
export function undoPick() {
  const of = done.picks.pop();
  return send("picks.undo", of ? { of } : {});
}

/** What was refused cannot be undone. @param {Promise<any>} sent @param {string[]} acts @param {string} client */
function quiet(sent, acts, client) {
  sent.catch(() => { const at = acts.indexOf(client); if (at >= 0) acts.splice(at, 1); });
  return sent;
}

/** Turn to a study: what an earlier page, or a crash, left of it goes out now. @param {string} identity */
export async function openStudy(identity) {
  study = identity;
  for (const act of queue.values()) act.study ||= study;
  const left = (await stored("readonly", (all) => all.getAll())) ?? [];
  for (const act of left.sort((a, b) => a.order - b.order)) {
    if (act.study === study && !queue.has(act.client)) {
      queue.set(act.client, act);
    }
  }
  tell();
  void pump();
}

/** A server that was started anew does not know this page: say so, for it looks like one that is not there. */
async function probe() {
  if (state.connected) return;
  const was = anew;
  try { anew = (await fetch("/static/mark.svg", { cache: "no-store" })).status === 401; } catch { anew = false; }
  if (anew && !was) say("The server was started anew: open the address that it printed. What is kept here goes to it then.");
  if (anew !== was) set({ unsent: -1 });  // so that whoever shows it draws again
  tell();
  if (!state.connected) setTimeout(() => void probe(), 3000);
}

on("open", () => { anew = false; pause = 500; void pump(); });
on("closed", () => setTimeout(() => void probe(), 700));
addEventListener("beforeunload", (event) => { if (queue.size && !keeps) event.preventDefault(); });
