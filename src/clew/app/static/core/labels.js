// @ts-check
/** The label of every open row as it stands, and the classes with their keys; in step with the server and with what is not sent yet. */
import { useEffect, useState } from "../vendor/preact-htm.js";
import { ask, on } from "./socket.js";
import { onAct, openStudy, unsent } from "./outbox.js";

/** @typedef {{name: string, number: number, key: string}} Class  number from 1; key "1" to "9", or "" */
/** @typedef {{name: string | null, number: number, how: "" | "person" | "group"}} Label  name null: cannot tell */

const CANNOT_TELL = 65535;
/** @type {("" | "person" | "group")[]} */
const HOW = ["", "person", "group"];

/** @type {string[]} */
let names = [];
let numbers = new Uint16Array(0);
let how = new Uint8Array(0);
let version = 0;
/** What was said here and is not acknowledged yet, by sample. @type {Map<string, string | null>} */
const said = new Map();
/** @type {Set<() => void>} */
const listeners = new Set();
/** @type {Promise<void> | null} */
let asking = null;

function changed() { version += 1; for (const listener of [...listeners]) listener(); }

/** The classes in an order that never changes. @returns {Class[]} */
export function classes() {
  const all = [...names];
  for (const label of said.values()) if (label && !all.includes(label)) all.push(label);
  return all.map((name, at) => ({ name, number: at + 1, key: at < 9 ? String(at + 1) : "" }));
}

/**
 * The label of an open row by its number, as the server knows it; with its name, as just said here.
 * @param {number} row @param {string} [sample] @returns {Label | null} null: none
 */
export function labelOf(row, sample) {
  if (sample !== undefined && said.has(sample)) {
    const name = said.get(sample) ?? null;
    return { name, number: name === null ? -1 : 1 + classes().findIndex((one) => one.name === name), how: "person" };
  }
  const number = numbers[row] ?? 0;
  if (!number) return null;
  if (number === CANNOT_TELL) return { name: null, number: -1, how: "person" };
  return { name: names[number - 1] ?? "", number, how: HOW[how[row]] };
}

/** The class of each open row: 0 none, 65535 cannot tell; not to be written to. */
export function numbersOfRows() { return numbers; }

/** @type {{of: number, found: Map<number, number>}} */
let counted = { of: -1, found: new Map() };
/** How many open rows people have labelled, by class number (0: cannot tell); counted once after each change. @returns {Map<number, number>} */
export function counts() {
  if (counted.of === version) return counted.found;
  const found = new Map();
  for (let row = 0; row < numbers.length; row += 1) {
    if (how[row] !== 1) continue;
    const number = numbers[row] === CANNOT_TELL ? 0 : numbers[row];
    found.set(number, (found.get(number) ?? 0) + 1);
  }
  counted = { of: version, found };
  return found;
}

/** How many open rows people gave a class; null: not known yet. @returns {number | null} */
export function labelled() {
  if (!numbers.length) return null;
  let n = 0;
  for (const [number, rows] of counts()) if (number) n += rows;
  return n;
}

/** Call ``listener`` after each change of a label or a class. @param {() => void} listener @returns {() => void} what ends it */
export function watchLabels(listener) {
  listeners.add(listener);
  return () => { listeners.delete(listener); };
}

/** Preact hook: draws again after each change; returns a number that rises with it. @returns {number} */
export function useLabels() {
  const [now, setNow] = useState(version);
  useEffect(() => { setNow(version); return watchLabels(() => setNow(version)); }, []);
  return now;
}

/** The last event of labelling that a push told of: an answer that was written before it is out of date. */
let last = 0;
const TIMES = 4; // that an answer may be out of date before it is taken as it is

/** Ask for all labels anew. @returns {Promise<void>} */
export function refreshLabels() {
  asking ??= (async () => {
    try {
      let all = await ask("labels.all");
      for (let i = 1; all.last < last && i < TIMES; i += 1) all = await ask("labels.all");
      names = all.classes;
      [numbers, how] = all.arrays;
      await openStudy(all.study);
      restate();
      changed();
    } catch { /* no study, or no connection: the next "open" or "changed" asks again */ } finally { asking = null; }
  })();
  return asking;
}

/** What is said here and not acknowledged counts already. */
function restate() {
  said.clear();
  const waiting = unsent();
  const takenBack = new Set(waiting.filter((act) => act.do === "labels.undo").map((act) => act.given.of));
  for (const act of waiting) {
    if (act.do !== "labels.give" || takenBack.has(act.client)) continue;
    for (const sample of act.given.samples) said.set(sample, act.given.label);
  }
}

on("open", () => void refreshLabels());
on("changed", () => void refreshLabels());
on("labelled", (push) => {
  names = push.classes;
  last = Math.max(last, push.last);
  if (push.all) { void refreshLabels(); return; }
  push.rows.forEach((/** @type {number} */ row, /** @type {number} */ at) => { numbers[row] = push.numbers[at]; how[row] = push.how[at]; });
  restate();
  changed();
});
onAct((act) => { if (act.do.startsWith("labels.")) { restate(); changed(); } });
