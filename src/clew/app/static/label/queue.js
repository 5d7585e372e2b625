// @ts-check
/**
 * What is asked next. The items lie here before they are needed, so that a key press shows the next one without asking the
 * server; what is shown never moves, only what nobody has seen yet is renewed after a refit.
 */
import { changing } from "../core/changing.js";
import { refused } from "../core/notices.js";
import { labelled } from "../core/labels.js";
import { give, onAct, passOver, undo as takeBack } from "../core/outbox.js";
import { ask, on } from "../core/socket.js";
import { say } from "../core/state.js";

/**
 * @typedef {Object} Item
 * @property {number} row
 * @property {string} sample
 * @property {string} title            station, image or row
 * @property {string} tag              components, or the number in the image
 * @property {string} about            time, length, rate; place in the image; group
 * @property {string} reason           "entropy 0.66, unlike the others"
 * @property {string} short            "entropy 0.66"
 * @property {boolean} control         drawn at random: judges the learning curve
 * @property {boolean} both            labelled by another person, asked again for the agreement
 * @property {boolean} again           skipped before, and nothing else is left
 * @property {Record<string, number>} probability  of each class, by the present model; empty without one
 */

/** @typedef {{item: Item, how: "label"|"skip", label: string|null, client: string}} Done  label null: cannot tell */
/** @typedef {{strategy: string, control_every: number}} Settings */

const SHOWN_SOON = 3; // items that a renewal leaves alone: a hand may reach them before the answer comes
const AHEAD = 16; // items held here
const MOST = 40; // that a page may hold
const LOW = 13; // below so many, more are asked for

/**
 * @type {{items: Item[], done: Done[], settings: Settings, strategies: string[], kind: "object"|"window"|"row"|"", wanted: boolean,
 *   both: number, left: number|null, skipped: number, stuck: string, model: {about: string, seconds: number}|null, hide: boolean, trouble: string, shown: number}}
 */
export const queue = {
  items: [], done: [], settings: { strategy: "hybrid", control_every: 3 }, strategies: [], kind: "", wanted: false,
  both: 0, left: null, skipped: 0, stuck: "", model: null, hide: localStorage.getItem("clew hide bars") === "yes", trouble: "", shown: 0,
};

const { changed, useChanges } = changing();

/** Preact hook: draws again whenever the queue changes. */
export function useQueue() { useChanges(); return queue; }

/** Begin, or go on with other settings; what is shown stays. Without a connection it begins when there is one. @param {Partial<Settings>} [settings] */
export async function open(settings = {}) {
  Object.assign(queue, { wanted: true, stuck: "" });
  changed();
  try {
    const { strategies, kind, strategy, control_every, both } = await ask("queue.open", { ...queue.settings, ...settings });
    Object.assign(queue, { strategies, kind, both, settings: { strategy, control_every } });
  } catch (why) { stuck(why); return; }
  await topUp(1);
}

/** Say why nothing comes, and offer to try again; what the connection broke begins again with it. @param {unknown} why */
function stuck(why) {
  const { kind, message } = /** @type {any} */ (why);
  if (kind === "Offline") return;
  queue.stuck = message;
  changed();
}

let asking = false;
/** How many of the present items the next request keeps; null: none is wanted. @type {number | null} */
let wanted = null;

/**
 * Ask for more and keep the first ``keep`` items; what else is here is exchanged for what comes. One request at a time, so that
 * quick keys do not make each answer out of date before it comes.
 * @param {number} [keep]
 */
export async function topUp(keep = Infinity) {
  wanted = Math.min(wanted ?? Infinity, keep);
  if (asking) return;
  asking = true;
  try {
    while (wanted !== null) {
      const kept = queue.items.slice(0, Math.min(wanted, MOST));
      wanted = null;
      await fetchBeside(kept);
    }
  } catch (why) { wanted = null; stuck(why); } finally { asking = false; }
}

/** @param {Item[]} kept */
async function fetchBeside(kept) {
  const have = kept.map((item) => item.row), done = queue.done.length, before = [...queue.done.map((one) => one.item), ...kept];
  const since = before.length - 1 - before.findLastIndex((item) => item.control);
  const answer = await ask("queue.next", { have, n: Math.max(0, AHEAD - kept.length), twice: kept.filter((item) => item.both).map((item) => item.row), passed: queue.done.slice(-MOST).map((one) => one.item.row), place: before.length, since });
  if (queue.items.length && !have.includes(queue.items[0].row)) { // the hand was faster: what has come is for places that are taken
    wanted = kept.length + Math.max(0, queue.done.length - done - kept.length) + SHOWN_SOON;
    return;
  }
  const answered = new Map(queue.done.map((one) => [one.item.row, one.how])), gone = new Set(answer.gone);
  const staying = queue.items.filter((item, place) => place === 0 || (have.includes(item.row) && !gone.has(item.row)));
  const here = new Set(staying.map((item) => item.row));
  staying.forEach((item, place) => { // what the model says is renewed where nobody looks, or had nothing to say yet
    const told = answer.told[have.indexOf(item.row)];
    if (told && (place > 0 || !Object.keys(item.probability).length)) item.probability = told;
  });
  queue.items = [...staying, ...answer.items.filter((/** @type {Item} */ item) => !here.has(item.row) && (!answered.has(item.row) || (item.again && answered.get(item.row) === "skip")))];
  if (queue.items[0]?.again && staying[0] !== queue.items[0]) say("Only what you skipped is left: it is asked again.");
  Object.assign(queue, { stuck: "", left: answer.left, skipped: answer.skipped, model: answer.model, trouble: answer.trouble });
  changed();
}

/** Give the item that is shown a class (null: cannot tell) and go on. @param {string|null} label */
export function answer(label) {
  const item = next({ how: "label", label });
  if (!item) return;
  const began = performance.now();
  give([item.sample], label, { control: item.control, strategy: queue.settings.strategy }).then(() => {
    const guess = label === null ? undefined : item.probability[label];
    say(`${label === null ? "Saved" : `Label ${labelled()} saved`} in ${Math.max(1, Math.round(performance.now() - began))} ms: ${label ?? "cannot tell"}${guess === undefined ? "" : `; the model gave it ${guess.toFixed(2)}`}`);
  }).catch(refused);
}

/** Go on without a label; it is asked again when nothing else is left. */
export function skip() {
  const item = next({ how: "skip", label: null });
  if (!item) return;
  passOver(item.sample).catch(refused);
  say(`Skipped ${item.title} ${item.tag}. It comes back when nothing else is left; U goes back to it now.`);
}

/** @param {{how: "label"|"skip", label: string|null}} said @returns {Item | undefined} the item that was shown */
function next(said) {
  const item = queue.items[0];
  if (!item) return undefined;
  const pressed = performance.now();
  queue.items = queue.items.slice(1);
  queue.done.push({ item, ...said, client: "" });
  queue.shown += 1;
  changed();
  painted(pressed);
  if (queue.items.length < LOW) void topUp();
  return item;
}

/** Take back the last act of this page: the item of a label, or what was skipped, is shown again. */
export function undo() {
  const last = queue.done[queue.done.length - 1];
  if (last?.how !== "skip") { takeBack().catch(refused); return; }
  back(last);
  passOver(last.item.sample, true).catch(refused);
  say(`Back at ${last.item.title} ${last.item.tag}, which was skipped.`);
}

/** @param {Done} one */
function back(one) {
  queue.done = queue.done.filter((other) => other !== one);
  queue.items = [one.item, ...queue.items.filter((item) => item.row !== one.item.row)];
  changed();
}

/** A row that was chosen by hand comes to the front. @param {number} row */
export async function show(row) {
  const { item } = await ask("queue.item", { row });
  queue.items = [item, ...queue.items.filter((one) => one.row !== row)];
  changed();
}

/** The same by name. @param {string} sample */
export async function showSample(sample) {
  const { item } = await ask("queue.item", { sample });
  queue.items = [item, ...queue.items.filter((one) => one.row !== item.row)];
  changed();
}

/** @param {boolean} hide  whether the model's bars wait for the answer */
export function setHidden(hide) {
  queue.hide = hide;
  localStorage.setItem("clew hide bars", hide ? "yes" : "no");
  changed();
}

/** Note how long it took from the key press until the next item could be seen: for the bench. @param {number} pressed */
function painted(pressed) {
  requestAnimationFrame(() => {
    const channel = new MessageChannel(); // its message comes after the frame has been painted
    channel.port1.onmessage = () => { Object.assign(/** @type {any} */ (window).clew ?? {}, { label: { shown: queue.shown, ms: performance.now() - pressed } }); };
    channel.port2.postMessage(0);
  });
}

setTimeout(() => Object.assign(/** @type {any} */ (window).clew ?? {}, { queue })); // for tests and the curious

/** The act that took something back which this page no longer knew, as after a reload. */
let unknown = "";
onAct((act) => {
  if (act.do === "labels.give") {
    const last = queue.done[queue.done.length - 1];
    if (last && !last.client && last.how === "label" && act.given.samples[0] === last.item.sample) last.client = act.client;
  }
  if (act.do === "labels.undo") {
    const one = queue.done.find((done) => done.client && done.client === act.given.of);
    if (one) { back(one); say(`Taken back: ${one.label ?? "cannot tell"}. Label it again, or skip it with S.`); }
    else unknown = act.client;
  }
});
on("labelled", (push) => {
  if (!queue.wanted) return;
  if (push.client === unknown && push.rows?.length === 1) show(push.rows[0]).catch(refused);
  else if (queue.items.some((item, place) => place && push.rows?.includes(item.row)) || (!queue.items.length && push.rows)) void topUp(); // labelled elsewhere: it leaves; taken back: it comes
});
on("queue.renewed", () => { if (queue.wanted) void topUp(SHOWN_SOON); });
on("queue.asks_two", ({ every }) => { queue.both = every; changed(); if (queue.wanted) void topUp(SHOWN_SOON); });
on("open", () => { if (queue.wanted) void open(); }); // the first time, or the server was started anew
