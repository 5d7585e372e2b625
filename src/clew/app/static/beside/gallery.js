// @ts-check
/** Thumbnails of the selection, or of all rows, a page at a time. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { ask } from "../core/socket.js";
import { set, use } from "../core/state.js";
import { labelOf, useLabels } from "../core/labels.js";
import { Sign } from "../core/marks.js";
import { Empty } from "../core/parts.js";
import { count } from "../core/words.js";
import { isSelected, pin, toggleRow } from "./choose.js";
import { pictureOf } from "./thumb.js";

/** @typedef {import("./rows.js").Told} Told */
/** @typedef {{n: number, page: number, pages: number, rows: Told[]}} Page */

export const ORDERS = { wandering: "most wandering first", random: "at random", centre: "nearest the centre first" };
/** Height, width and number of thumbnails, by what a row is. @type {Record<string, [number, number, number, number]>} */
const SIZES = { image: [46, 46, 6, 24], signal: [58, 96, 3, 12], table: [46, 46, 6, 24] };

/**
 * Preact hook: a page of the gallery.
 * @param {string} order @param {number} page @param {number} size
 * @returns {Page | null}
 */
export function usePage(order, page, size) {
  const [found, setFound] = useState(/** @type {Page | null} */ (null));
  const selection = use((s) => s.selection.id), step = use((s) => s.step), version = use((s) => s.version);
  useEffect(() => {
    let waits = true;
    ask("beside.gallery", { selection, order, page, size, step }).then((told) => { if (waits) setFound(told); }, () => {});
    return () => { waits = false; };
  }, [selection, order, page, size, step, version]);
  return found;
}

/** How many rows a page of the gallery has. @param {string} kind */
export function sizeOf(kind) { return (SIZES[kind] ?? SIZES.table)[3]; }

/** What a thumbnail says: name, group, label. @param {Told} told */
function wordsOf(told) {
  const label = labelOf(told.row, told.name);
  if (!label || label.how !== "person") return told.words;
  return `${told.words}, labelled ${label.name ?? "cannot tell"}`;
}

/** @param {{page: Page | null, kind: string, order: string, onPage: (page: number) => void}} props */
export function Gallery({ page, kind, order, onPage }) {
  const pinned = use((s) => s.pinned), hovered = use((s) => s.hovered);
  use((s) => s.selection);
  useLabels();
  const [at, setAt] = useState(0);
  const grid = useRef(/** @type {HTMLElement | null} */ (null)), follow = useRef(false);
  const [height, width, across, size] = SIZES[kind] ?? SIZES.table;
  const rows = page?.rows ?? [], now = Math.min(at, Math.max(0, rows.length - 1));
  useEffect(() => {
    if (!follow.current) return;
    follow.current = false;
    /** @type {HTMLElement | null | undefined} */ (grid.current?.querySelectorAll("button")[now])?.focus();
  }, [now, page]);
  if (!page) return html`<div class="thumbs" style=${`min-height:${4 * (height + 5)}px`}></div>`;
  if (!page.n) return html`<${Empty}>Draw round some points on the map, or select by rule.<//>`;

  /** @param {number} next */
  const go = (next) => {
    const all = page.page * size + next;
    if (all < 0 || all >= page.n) return;
    follow.current = true;
    if (next >= 0 && next < rows.length) { setAt(next); return; }
    setAt(((all % size) + size) % size);
    onPage(Math.floor(all / size));
  };
  /** @param {KeyboardEvent} event */
  const keys = (event) => {
    const steps = /** @type {Record<string, number>} */ ({ ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across, PageDown: size, PageUp: -size });
    if (event.key in steps) go(now + steps[event.key]);
    else if (event.key === " ") toggleRow(rows[now].row, "gallery");
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const shown = rows.find((one) => one.row === hovered) ?? rows.find((one) => one.row === pinned);
  return html`<div class="thumbs" ref=${grid} role="group" aria-label=${`Thumbnails, ${ORDERS[/** @type {keyof typeof ORDERS} */ (order)]}`} onKeyDown=${keys} style=${`grid-template-columns:repeat(${across}, ${width}px)`}>
      ${rows.map((told, i) => html`<button key=${told.row} class="thumb" tabindex=${i === now ? 0 : -1} aria-pressed=${told.row === pinned ? "true" : "false"} aria-label=${wordsOf(told)} title=${wordsOf(told)}
        data-row=${told.row} data-selected=${isSelected(told.row) ? "yes" : "no"} style=${`width:${width}px;height:${height}px`}
        onClick=${() => { setAt(i); pin(told.row); }} onMouseEnter=${() => set({ hovered: told.row })} onMouseLeave=${() => { if (hovered === told.row) set({ hovered: null }); }} onFocus=${() => set({ hovered: told.row })} onBlur=${() => set({ hovered: null })}>
        <img src=${pictureOf(told.row, { size: height, width })} width=${width} height=${height} alt="" draggable=${false} />
        ${told.group >= 0 ? html`<span class="corner"><${Sign} n=${told.group} /></span>` : null}</button>`)}</div>
    <div class="under"><span class="small quiet">${shown ? wordsOf(shown) : `${page.page ? `${count(page.page * size + 1)} to ${count(page.page * size + rows.length)} shown` : `${count(rows.length)} shown`} of ${count(page.n)}, ${ORDERS[/** @type {keyof typeof ORDERS} */ (order)]}`}</span>
      ${page.pages > 1 ? html`<span class="pages"><button class="button quiet" disabled=${page.page === 0} title=${`Earlier rows (Page Up); page ${page.page + 1} of ${page.pages}`} aria-label="Earlier rows" onClick=${() => { setAt(0); onPage(page.page - 1); }}>‹</button><button class="button quiet" disabled=${page.page + 1 >= page.pages} title=${`Further rows (Page Down); page ${page.page + 1} of ${page.pages}`} aria-label="Further rows" onClick=${() => { setAt(0); onPage(page.page + 1); }}>›</button></span>` : null}</div>`;
}
