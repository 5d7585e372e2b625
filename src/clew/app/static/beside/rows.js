// @ts-check
/** What rows are called, and their groups: asked for in one go for all thumbnails that are drawn together. */
import { useEffect, useState } from "../vendor/preact-htm.js";
import { ask, on } from "../core/socket.js";
import { state } from "../core/state.js";

/** @typedef {{row: number, name: string, group: number, words: string}} Told */

/** @type {Map<string, Told>} by look and row */
const known = new Map();
/** @type {Map<string, Set<() => void>>} */
const waiting = new Map();
let asking = false;
const MOST_KNOWN = 20000;

const forget = () => { known.clear(); };
on("changed", (data) => { if (data.what === "record") forget(); });

/** @param {number} row */
const key = (row) => `${state.step}/${row}`;

async function fetchAll() {
  asking = false;
  const keys = [...waiting.keys()].slice(0, 500), rows = keys.map((one) => Number(one.split("/")[1]));
  const own = keys.map((one) => { const told = waiting.get(one); waiting.delete(one); return told; });
  if (waiting.size) later();
  try {
    const answer = await ask("beside.told", { rows, step: state.step });
    if (known.size > MOST_KNOWN) forget();
    answer.rows.forEach((/** @type {Told} */ told, /** @type {number} */ i) => known.set(keys[i], told));
    for (const some of own) for (const tell of some ?? []) tell();
  } catch { /* the connection broke: asked again at the next drawing */ }
}

function later() { if (!asking) { asking = true; queueMicrotask(() => void fetchAll()); } }

/** Preact hook: name, group and words of a row; null until they are known. @param {number} row @returns {Told | null} */
export function useTold(row) {
  const [, again] = useState(0);
  const now = key(row);
  useEffect(() => {
    if (known.has(now)) return undefined;
    const tell = () => again((n) => n + 1);
    if (!waiting.has(now)) waiting.set(now, new Set());
    waiting.get(now)?.add(tell);
    later();
    return () => { waiting.get(now)?.delete(tell); };
  }, [now]);
  return known.get(now) ?? null;
}
