// @ts-check
/** Sort: thumbnails above, bins below; dragged or keyed, many at once. A bin is a class, what is put into it a label. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { pictureOf } from "../beside/thumb.js";
import { useKeys } from "../core/keys.js";
import { classes, useLabels } from "../core/labels.js";
import { Sign } from "../core/marks.js";
import { refused } from "../core/notices.js";
import { undo } from "../core/outbox.js";
import { Empty, Notice } from "../core/parts.js";
import { say, use } from "../core/state.js";
import { count, counted } from "../core/words.js";
import { NewClass, pressNew } from "./answers.js";
import { follow } from "./dragging.js";
import { AT_ONCE, chosen, contentOf, fetchMore, focusOn, lookInside, mark, markAll, put, usePool } from "./pool.js";

/** @typedef {import("./pool.js").Source} Source */

const LAST = 12; // rows of a bin that are shown small

export function SortView() {
  useLabels();
  const pool = usePool(), kind = use((s) => s.about?.study?.kind ?? "table");
  const [drag, setDrag] = useState(/** @type {{x: number, y: number, over: string|null, n: number} | null} */ (null));
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  const size = kind === "image" ? { size: 84, width: 84 } : { size: 84, width: 132 };
  useEffect(() => { if (!pool.fetched) void fetchMore(); }, []);
  useEffect(() => { // what is keyed next has the focus, unless the person is somewhere else
    const active = document.activeElement;
    if (pool.tiles.length && (active === document.body || active?.matches("main") || list.current?.contains(active))) /** @type {HTMLElement | undefined} */ (list.current?.children[pool.focus])?.focus();
  }, [pool.focus, pool.tiles]);

  const into = (/** @type {number} */ number) => {
    const one = classes()[number - 1];
    if (one) put(chosen(), one.name);
    else say(`No bin has the key ${number}. The button + class makes one.`);
  };
  useKeys({ ...Object.fromEntries(Array.from({ length: 9 }, (_, i) => [String(i + 1), () => into(i + 1)])), 0: () => put(chosen(), null),
    u: () => void undo().catch(refused), a: () => markAll("all"), Escape: () => (pool.marked.size ? markAll("none") : pool.inside ? void fetchMore() : false), f: () => void fetchMore(), n: pressNew }, { where: "sort" });

  const press = (/** @type {PointerEvent} */ event, /** @type {number} */ at) => follow(event, {
    start: () => { if (!pool.marked.has(pool.tiles[at].row)) { markAll("none"); mark(at); } setDrag({ x: event.clientX, y: event.clientY, over: null, n: chosen().length }); },
    move: (where) => setDrag({ ...where, n: chosen().length }),
    drop: (bin) => { setDrag(null); if (bin !== null) put(chosen(), bin); },
    click: () => { mark(at); },
  });
  const step = (/** @type {KeyboardEvent} */ event) => {
    const wide = Math.max(1, Math.floor((list.current?.clientWidth ?? 0) / (size.width + 14)));
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wide, ArrowDown: wide, Home: -Infinity, End: Infinity }[event.key];
    if (by !== undefined) focusOn(Number.isFinite(by) ? pool.focus + by : by < 0 ? 0 : pool.tiles.length - 1);
    else if (event.key === " ") mark(pool.focus);
    else return;
    event.preventDefault();
  };
  return html`<div class="sort-view"><section class="column" aria-label="To be sorted"><${Head} />
      ${pool.trouble && html`<${Notice} bold="These cannot be fetched." alert>${pool.trouble}</${Notice}>`}
      <div class="scroll"><ul class="tiles" ref=${list} role="listbox" aria-multiselectable="true" aria-label=${pool.inside ? `In ${pool.inside}` : "To be sorted"} onKeyDown=${step}>
        ${pool.tiles.map((tile, at) => html`<li key=${tile.row} role="option" tabindex=${at === pool.focus ? "0" : "-1"} aria-selected=${pool.marked.has(tile.row) ? "true" : "false"} aria-label=${`${tile.title} ${tile.tag}`} title=${[tile.title, tile.tag, tile.about].filter(Boolean).join(", ")}
          style=${`width:${size.width + 8}px`} onFocus=${() => { if (pool.focus !== at) focusOn(at); }} onPointerDown=${(/** @type {PointerEvent} */ event) => press(event, at)}>
          <img src=${pictureOf(tile.row, size)} width=${size.width} height=${size.size} alt="" draggable=${false} /><small>${kind === "image" ? `${tile.tag} ${tile.title}` : tile.title}</small></li>`)}</ul>
        ${!pool.tiles.length && html`<${Nothing} />`}</div></section>
    <${Bins} over=${drag?.over ?? null} size=${size} />
    ${drag && html`<div class="ghost" style=${`left:${drag.x}px;top:${drag.y}px`}>${counted(drag.n, "row")}${drag.over === null ? "" : ` into ${drag.over}`}</div>`}</div>`;
}

/** Where thumbnails come from, and how many there are. */
function Head() {
  const pool = usePool(), selected = use((s) => s.selection), all = classes();
  const value = pool.label ? `${pool.source} ${pool.label}` : pool.source;
  const choose = (/** @type {any} */ event) => {
    const [source, ...label] = event.target.value.split(" ");
    void fetchMore({ source: /** @type {Source} */ (source), label: label.join(" ") });
  };
  if (pool.inside) return html`<div class="bar"><h2>In ${pool.inside}</h2><span class="quiet">${pool.tiles.length} shown of ${count(pool.total)}; a key or a drag puts them into another bin</span><span class="right"><button class="button" onClick=${() => fetchMore()}>Back to the pool <kbd>Esc</kbd></button></span></div>`;
  return html`<div class="bar"><h2>To be sorted</h2><label>from <select class="plain" value=${value} onChange=${choose}>
      <option value="random">all rows, at random</option><option value="uncertain">most uncertain first</option>
      <option value="selection" disabled=${!selected.id}>the selection${selected.id ? ` (${count(selected.n)})` : ": nothing is selected"}</option>
      ${all.length > 0 && html`<optgroup label="what the model takes for">${all.map((one) => html`<option value=${`predicted ${one.name}`}>${one.name}, surest first</option>`)}</optgroup>
        <optgroup label="nearest to what is in">${all.map((one) => html`<option value=${`near ${one.name}`}>the bin ${one.name}</option>`)}</optgroup>`}</select></label>
    <span class="quiet">${pool.tiles.length} shown of ${count(pool.total)}${pool.about ? `, ${pool.about}` : ""}</span>
    <span class="right">${pool.marked.size > 0 && html`<span class="quiet">${pool.marked.size} marked</span>`}<button class="button" disabled=${pool.fetching || pool.tiles.length >= pool.total} title=${pool.tiles.length >= pool.total ? "All rows of this source are shown" : "Key F"} onClick=${() => fetchMore()}>${pool.fetching ? "Fetching" : `Fetch ${AT_ONCE} more`}</button></span></div>`;
}

function Nothing() {
  const pool = usePool();
  if (pool.fetching || !pool.fetched || pool.trouble) return null;
  return html`<${Empty}>${pool.inside ? `Nothing is left in ${pool.inside}.` : html`<b>Nothing is left to sort here.</b> This source has no row without a label. Choose another source, or look into a bin.`}</${Empty}>`;
}

/** @param {{over: string|null, size: {size: number, width: number}}} props */
function Bins({ over, size }) {
  const pool = usePool(), all = classes();
  return html`<section class="bins" aria-label="Bins"><ul>${all.map((one) => {
    const rows = contentOf(one.name), small = { size: 30, width: Math.round((30 * size.width) / size.size) };
    return html`<li key=${one.name} data-bin=${one.name} data-over=${over === one.name ? "yes" : "no"} data-open=${pool.inside === one.name ? "yes" : "no"}>
      <button class="put" aria-keyshortcuts=${one.key} aria-label=${`Put into ${one.name}`} onClick=${() => put(chosen(), one.name)}><b class="digit">${one.key}</b><${Sign} n=${one.number - 1} /><b class="name">${one.name}</b></button>
      <span class="count">${rows.length ? html`<button class="link" onClick=${() => lookInside(one.name).catch(refused)}>${count(rows.length)}</button>` : "0"}</span>
      <div class="few">${rows.slice(-LAST).reverse().map((row) => html`<img key=${row} src=${pictureOf(row, small)} width=${small.width} height="30" alt="" />`)}</div></li>`;
  })}<li class="more"><${NewClass} first=${!all.length} /></li></ul>
    <p class="keys small"><span><kbd>←</kbd> <kbd>→</kbd> go</span><span><kbd>Space</kbd> mark</span><span><kbd>1</kbd>${all.length > 1 && html`–<kbd>${Math.min(9, all.length)}</kbd>`} put into a bin</span><span><kbd>0</kbd> cannot tell</span><button class="key" onClick=${() => undo().catch(refused)}><kbd>U</kbd> undo</button><span><kbd>A</kbd> mark all</span><span class="right">${all.length ? "Dragging works, too. The number of a bin shows what is in it." : "Name a class: its bin stands here."}</span></p></section>`;
}
