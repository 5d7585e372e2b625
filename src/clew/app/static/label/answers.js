// @ts-check
/** The question and its answers: a button for each class with its key, marker and what the model gives it. */
import { html, useLayoutEffect, useRef, useState } from "../vendor/preact-htm.js";
import { classes, useLabels } from "../core/labels.js";
import { Sign } from "../core/marks.js";
import { refused } from "../core/notices.js";
import { makeClass } from "../core/outbox.js";
import { say } from "../core/state.js";
import { answer, queue, setHidden, skip, undo, useQueue } from "./queue.js";

/** What one item is called. */
export const WORDS = { object: "object", window: "window", row: "row", "": "row" };

/** Give the item that is shown the class of a key. @param {number} number from 1 */
export function press(number) {
  const one = classes()[number - 1];
  if (one) answer(one.name);
  else say(`No class has the key ${number}. The button + class makes one.`);
}

/** Name a new class, by a key. */
export function pressNew() { /** @type {HTMLElement | null} */ (document.querySelector(":is(.label-view, .sort-view) button.new"))?.click(); }

/** @param {{looking: string}} props  looking: what else is shown for a moment; the answer is still for the item */
export function Answers({ looking }) {
  useLabels();
  const { items, kind, hide, model } = useQueue();
  const all = classes(), item = items[0];
  const shown = Boolean(item && model && !hide && !item.control && Object.keys(item.probability).length);
  const question = looking ? `What is in ${item?.title} ${item?.tag}, not in what is shown now?` : { object: "What is this object?", window: "What is in this window?", row: "What is this row?", "": "" }[kind];
  return html`<section class="answers" aria-label="Answers">
    <div class="asked"><h2>${question}</h2><span class="small">${model ? html`bars: ${item?.control && !hide ? "not for control items" : model.about}; <button class="link" aria-pressed=${hide ? "true" : "false"} onClick=${() => setHidden(!hide)}>${hide ? "show them" : "hide until I answer"}</button>`
        : html`<span class="quiet">the model begins with two classes</span>`}</span></div>
    <div class="classes">${all.map((one) => html`<${Answer} key=${one.name} one=${one} item=${item} shown=${shown} />`)}${!all.length && html`<${NewClass} first />`}</div>
    <div class="keys small"><span><kbd>1</kbd>${all.length > 1 && html`–<kbd>${Math.min(9, all.length)}</kbd>`} label and go on</span>
      <button class="key" onClick=${undo}><kbd>U</kbd> undo</button><button class="key" onClick=${skip}><kbd>S</kbd> skip</button>
      <button class="key" onClick=${() => answer(null)}><kbd>0</kbd> cannot tell</button>
      ${kind === "window" && html`<span><kbd>Space</kbd> listen</span>`}<span><kbd>←</kbd> <kbd>→</kbd> look before, after</span>${all.length > 0 && html`<${NewClass} />`}</div>
  </section>`;
}

/** @param {{one: import("../core/labels.js").Class, item: any, shown: boolean}} props */
function Answer({ one, item, shown }) {
  const p = item?.probability[one.name] ?? 0;
  return html`<button class="answer" disabled=${!item} onClick=${() => answer(one.name)} aria-keyshortcuts=${one.key} aria-label=${`${one.name}${shown ? `, the model gives it ${p.toFixed(2)}` : ""}`}>
    <b class="digit">${one.key}</b><${Sign} n=${one.number - 1} /><b class="name">${one.name}</b>
    ${shown ? html`<span class="bar-of"><i style=${`width:${(100 * p).toFixed(0)}%;background:var(--c${(one.number - 1) % 6})`}></i></span><small>${p.toFixed(2)}</small>` : html`<span class="bar-of none"></span><small></small>`}</button>`;
}

/** A button that becomes a line to type the name of a class into. @param {{first?: boolean}} props */
export function NewClass({ first = false }) {
  const [typing, setTyping] = useState(false);
  const line = useRef(/** @type {HTMLInputElement | null} */ (null));
  useLayoutEffect(() => { if (typing) line.current?.focus(); }, [typing]); // before the next key, which is of the name
  const make = (/** @type {Event} */ event) => {
    event.preventDefault();
    const name = (line.current?.value ?? "").trim().replace(/\s+/g, " ");
    if (name) makeClass(name).then(() => say(`New class: ${name}. Its key is ${classes().find((one) => one.name === name)?.key || "none; press its button"}.`)).catch(refused);
    setTyping(false);
  };
  if (!typing) return html`<button class=${first ? "new button primary" : "new key"} aria-keyshortcuts="N" onClick=${() => setTyping(true)}>${first ? "Name the first class" : html`<kbd>N</kbd> new class`}</button>`;
  return html`<form class="new" onSubmit=${make}><input type="text" ref=${line} maxlength="60" aria-label="Name of the new class" placeholder="Name, then Enter"
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => { if (event.key === "Escape") setTyping(false); }} onBlur=${() => { if (!line.current?.value) setTyping(false); }} /></form>`;
}
