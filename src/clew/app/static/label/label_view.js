// @ts-check
/** Label: one item large, the question, what comes next; beside it, whether it is worth going on. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { useKeys } from "../core/keys.js";
import { refused } from "../core/notices.js";
import { Empty, Notice } from "../core/parts.js";
import { Sheet } from "../core/sheet.js";
import { ask } from "../core/socket.js";
import { labelled, useLabels } from "../core/labels.js";
import { say, set, use } from "../core/state.js";
import { count } from "../core/words.js";
import { Answers, press, pressNew } from "./answers.js";
import { Large } from "./item.js";
import { listen, silence } from "./listen.js";
import { answer, open, queue, skip, undo, useQueue } from "./queue.js";
import { Strip } from "./strip.js";
import { Worth } from "./worth.js";

const DRAWN_AHEAD = 3; // items that are drawn before they are shown
const SLOW = 6000; // ms of fetching after which it is said that the server is busy

/** @typedef {{row: number, title: string, tag: string, about: string}} Seen */
/** @typedef {{rows: number[], at: number, what: string, items: Seen[]}} Around */

export function LabelView() {
  const { items, kind, trouble, stuck } = useQueue();
  const [around, setAround] = useState(/** @type {Around | null} */ (null));
  const [away, setAway] = useState(0); // how many steps before (-) or after (+) the item
  const [stage, tall] = useHeight();
  const item = items[0];
  useEffect(() => { if (!queue.items.length) void open(); return silence; }, []);
  useEffect(() => { setAway(0); setAround(null); silence(); }, [item?.row]);

  const look = async (/** @type {number} */ by) => {
    if (!item) return;
    const all = around ?? /** @type {Around} */ (await ask("item.around", { row: item.row }));
    if (queue.items[0]?.row !== item.row) return; // answered meanwhile: the neighbours are of another item
    const wanted = all.at + away + by;
    if (wanted < 0 || wanted >= all.rows.length) { say(`No more ${all.what} on this side.`); return; }
    setAround(all);
    setAway(away + by);
  };
  const shown = around && away ? around.rows[around.at + away] : null;
  useKeys({
    ...Object.fromEntries(Array.from({ length: 9 }, (_, i) => [String(i + 1), () => press(i + 1)])),
    0: () => answer(null), s: skip, u: undo, ArrowLeft: () => void look(-1).catch(refused), ArrowRight: () => void look(1).catch(refused),
    Space: () => (kind === "window" && item ? void listen(shown ?? item.row).catch(refused) : false),
    n: () => pressNew(),
    Escape: () => (away ? setAway(0) : false),
  }, { where: "label" });

  return html`<div class="label-view"><section class="column work" aria-label="Item">
    <${Head} item=${item} shown=${shown} around=${around} away=${away} back=${() => setAway(0)} />
    <div class="stage" ref=${stage}>${items.slice(0, DRAWN_AHEAD).map((one, place) => html`<div key=${one.row} class="card" data-shown=${place === 0 && shown === null ? "yes" : "no"} aria-hidden=${place || shown !== null ? "true" : "false"}>
        <${Large} row=${one.row} name=${`${one.title} ${one.tag}`} kind=${kind} height=${tall} /></div>`)}
      ${shown !== null && html`<div key=${`away ${shown}`} class="card" data-shown="yes"><${Large} row=${shown} name="" kind=${kind} height=${tall} /></div>`}
      ${!item && html`<${Done} />`}
      ${item && stuck && html`<${Notice} bold="No more items could be fetched." alert>${stuck} <button class="link" onClick=${() => open()}>Try again</button></${Notice}>`}
      ${trouble && html`<${Notice} bold="The model stands still." alert>${trouble}</${Notice}>`}</div>
    <${Answers} looking=${shown === null ? "" : "yes"} />
    <${Strip} /></section>
    <${Sheet} title="Is it worth going on?" name="worth"><${Worth} /></${Sheet}></div>`;
}

/** Preact hook: a reference to an element, and its height in px inside the padding. @returns {[any, number]} */
function useHeight() {
  const at = useRef(/** @type {any} */ (null));
  const [height, setHeight] = useState(400);
  useEffect(() => {
    const watcher = new ResizeObserver(([one]) => setHeight(Math.max(120, Math.floor(one.contentRect.height) - 24)));
    watcher.observe(at.current);
    return () => watcher.disconnect();
  }, []);
  return [at, height];
}

/** @param {{item: any, shown: number|null, around: Around|null, away: number, back: () => void}} props */
function Head({ item, shown, around, away, back }) {
  useLabels();
  const number = 1 + (labelled() ?? 0);
  if (!item) return html`<div class="bar"><h2>Label</h2></div>`;
  if (shown !== null) {
    const steps = Math.abs(away);
    return html`<div class="bar away"><h2>${steps} ${away < 0 ? "before" : "after"}</h2><span class="quiet">${around?.what}; the answer is still for ${item.title} ${item.tag}, ${item.about}</span>
      <span class="right"><button class="button" onClick=${back}>Back <kbd>Esc</kbd></button></span></div>`;
  }
  return html`<div class="bar"><h2>${item.title}</h2><span class="quiet about" title=${item.about}>${[item.tag, item.about].filter(Boolean).join(", ")}</span>
    <span class="right"><span class=${item.control ? "why control" : "why"}>chosen because: ${item.reason}</span><span class="quiet">${count(number)}</span></span></div>`;
}

/** Stands where there is no item: why, and what can be done. */
function Done() {
  const { left, stuck } = useQueue(), connected = use((s) => s.connected);
  const [slow, setSlow] = useState(false);
  useEffect(() => { const clock = setTimeout(() => setSlow(true), SLOW); return () => clearTimeout(clock); }, []);
  const again = html`<button class="button" onClick=${() => open()}>${stuck ? "Try again" : "Look again"}</button>`;
  if (stuck) return html`<${Notice} bold="No items could be fetched." alert>${stuck} ${again}</${Notice}>`;
  if (!connected) return html`<${Empty}>No connection to the server: the items come when it is back.</${Empty}>`;
  if (left === null) return html`<${Empty}>Fetching the first items.${slow && " The server is busy with something else; they come when it answers."}</${Empty}>`;
  return html`<${Empty}><b>Nothing is left to label.</b> Every open row has a label, or is on another page now. Take a label back with U, or validate what was learnt. <button class="button" onClick=${() => set({ view: "validate" })}>Validate</button> ${again}</${Empty}>`;
}
