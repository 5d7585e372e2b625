// @ts-check
/** Ctrl K: go to a view or a step, run a verb, colour by a feature. */
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { ask } from "../core/socket.js";
import { refused } from "../core/notices.js";
import { say, set, state } from "../core/state.js";
import { openDialog } from "./dialog.js";
import { openForm } from "./form.js";
import { visit } from "./steps.js";

/** @typedef {{kind: string, title: string, more: string, act: () => void}} Entry */

/** @param {Record<string, [string, any]>} views @param {(view: string) => void} go */
export function openPalette(views, go) { openDialog("Go to or run", (close) => html`<${Palette} views=${views} go=${go} close=${close} />`); }

/** @param {{views: Record<string, [string, any]>, go: (view: string) => void, close: () => void}} props */
function Palette({ views, go, close }) {
  const [text, setText] = useState(""), [at, setAt] = useState(0);
  const [served, setServed] = useState(/** @type {Entry[]} */ ([]));
  const eager = useRef(false); // Enter came before the server's answer
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  const study = state.about?.study;
  useEffect(() => {
    Promise.all([ask("verbs"), study ? ask("thread") : { items: [] }]).then(([{ verbs }, { items }]) => setServed([
      ...verbs.map((/** @type {any} */ one) => ({ kind: "run", title: one.verb, more: one.help, act: () => openForm(one.verb) })),
      ...items.filter((/** @type {any} */ one) => one.kind === "step").reverse().map((/** @type {any} */ one) => ({ kind: "step", title: `${one.id} ${one.title}`, more: one.detail, act: () => visit(one) })),
    ]), refused);
  }, []);
  const all = useMemo(() => [
    ...(study ? Object.entries(views).map(([name, [title]]) => ({ kind: "view", title, more: "", act: () => go(name) })) : []),
    ...served,
    ...(study?.features ?? []).map((/** @type {string} */ name) => ({ kind: "colour", title: name, more: "colour the map by it", act: () => { set({ view: "explore", colour: `feature:${name}` }); say(`The map is coloured by ${name}.`); } })),
  ], [served]);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = all.filter((one) => words.every((word) => `${one.kind} ${one.title} ${one.more}`.toLowerCase().includes(word)));
  found.sort((a, b) => score(b, words) - score(a, words));
  const shown = found.slice(0, 40), here = Math.min(at, shown.length - 1);
  useEffect(() => list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }));
  const choose = (/** @type {Entry} */ one) => { close(); one.act(); };
  useEffect(() => { if (eager.current && served.length) { eager.current = false; if (shown[here]) choose(shown[here]); } }, [served]);
  const press = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "ArrowDown") setAt(Math.min(here + 1, shown.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(here - 1, 0));
    else if (event.key === "Enter") { if (shown[here]) choose(shown[here]); else eager.current = !served.length; }
    else return;
    event.preventDefault();
  };
  return html`<div class="palette"><input type="text" autofocus role="combobox" aria-expanded="true" aria-controls="palette-list" aria-label="Go to or run"
      aria-activedescendant=${shown.length ? `palette-${here}` : null} placeholder="A view, a verb, a step, a feature" value=${text}
      onInput=${(/** @type {any} */ event) => { setText(event.target.value); setAt(0); }} onKeyDown=${press} />
    <div class="scroll" id="palette-list" role="listbox" aria-label="What fits" ref=${list}>
      ${shown.map((one, i) => html`<div role="option" id=${`palette-${i}`} aria-selected=${i === here ? "true" : "false"} onClick=${() => choose(one)} onMouseMove=${() => i !== here && setAt(i)}>
        <small>${one.kind}</small><b>${one.title}</b><span>${one.more}</span></div>`)}
      ${!shown.length && html`<p class="quiet inset">Nothing fits. Try a verb, such as train.</p>`}</div></div>`;
}

/** What begins as was typed comes first. @param {Entry} one @param {string[]} words */
function score(one, words) {
  if (!words.length) return 0;
  const title = one.title.toLowerCase();
  return (title.startsWith(words[0]) ? 2 : 0) + (words.every((word) => title.includes(word)) ? 1 : 0);
}
