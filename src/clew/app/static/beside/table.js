// @ts-check
/** The rows of the map as a table: sorted on the server, fetched a hundred at a time, drawn where it is looked at. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { ask } from "../core/socket.js";
import { set, use } from "../core/state.js";
import { counts, labelOf, useLabels } from "../core/labels.js";
import { Sign } from "../core/marks.js";
import { count, counted, number } from "../core/words.js";
import { isSelected, pin, toggleRow } from "./choose.js";

const PAGE = 100, ROW = 24, AROUND = 6; // rows of an answer; px of a row; rows drawn beyond what is seen
/** @typedef {{rows: any[], values: Float32Array}} Some */

/** @param {{features: string[], units: string[], order: string[]}} props  order: which features come first */
export function Table({ features, units, order }) {
  const selection = use((s) => s.selection), pinned = use((s) => s.pinned), step = use((s) => s.step), version = use((s) => s.version);
  const [sort, setSort] = useState({ by: "", down: false }), [now, setNow] = useState(0), [top, setTop] = useState(0), [, again] = useState(0);
  const pages = useRef(/** @type {Map<number, Some | null>} */ (new Map())), n = useRef(0), era = useRef(0), box = useRef(/** @type {HTMLElement | null} */ (null));
  useLabels();
  useEffect(() => { era.current += 1; pages.current.clear(); n.current = 0; need(0); }, [selection.id, sort, step, version]);
  const place = useRef(0); // where the keys are, also while its row is on the way
  place.current = now;
  useEffect(() => { setNow(0); if (box.current) box.current.scrollTop = 0; }, [selection.id, sort, step]);

  /** @param {number} page */
  function need(page) {
    if (pages.current.has(page)) return;
    pages.current.set(page, null);
    const mine = era.current;
    ask("beside.table", { selection: selection.id, sort: sort.by, descending: sort.down, page, step }).then((told) => {
      if (mine !== era.current) return;
      n.current = told.n;
      pages.current.set(page, { rows: told.rows, values: told.arrays[0] });
      again((k) => k + 1);
      const here = rowAt(Math.min(place.current, n.current - 1));
      if (here && document.activeElement === box.current) set({ hovered: here.row }); // a key was quicker than the rows
    }, () => { if (mine === era.current) pages.current.delete(page); });
  }
  const tall = 240, first = Math.max(0, Math.floor(top / ROW) - AROUND), last = Math.min(n.current, Math.ceil((top + tall) / ROW) + AROUND);
  for (let page = Math.floor(first / PAGE); page <= Math.floor(Math.max(first, last - 1) / PAGE); page += 1) if (n.current) need(page);
  const rowAt = (/** @type {number} */ i) => pages.current.get(Math.floor(i / PAGE))?.rows[i % PAGE];

  /** @param {number} next */
  function go(next) {
    const to = Math.max(0, Math.min(n.current - 1, next));
    setNow(to);
    const at = box.current;
    if (at && to * ROW < at.scrollTop) at.scrollTop = to * ROW;
    else if (at && (to + 2) * ROW > at.scrollTop + tall) at.scrollTop = (to + 2) * ROW - tall;
    const told = rowAt(to);
    if (told) set({ hovered: told.row });
  }
  /** @param {KeyboardEvent} event */
  function keys(event) {
    if (event.target !== box.current) return;
    const steps = /** @type {Record<string, number>} */ ({ ArrowDown: now + 1, ArrowUp: now - 1, PageDown: now + 9, PageUp: now - 9, Home: 0, End: n.current - 1 }), told = rowAt(now);
    if (event.key in steps) go(steps[event.key]);
    else if (event.key === "Enter" && told) pin(told.row);
    else if (event.key === " " && told) toggleRow(told.row, "table");
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  const by = (/** @type {string} */ name) => setSort({ by: name, down: sort.by === name && !sort.down });
  const head = (/** @type {string} */ name, /** @type {string} */ title, /** @type {string} */ kind) => html`<span role="columnheader" class=${kind} aria-sort=${sort.by === name ? (sort.down ? "descending" : "ascending") : "none"}><button onClick=${() => by(name)} title=${`Sort by ${title}`}>${title}${sort.by === name ? (sort.down ? " ↓" : " ↑") : ""}</button></span>`;
  const columns = [...order.map((name) => features.indexOf(name)).filter((c) => c >= 0), ...features.map((_, c) => c).filter((c) => !order.includes(features[c]))];
  const labelled = counts().size > 0, drawn = [];
  for (let i = first; i < last; i += 1) drawn.push(i);
  return html`<div class="rows" role="grid" tabindex="0" ref=${box} aria-rowcount=${n.current + 1} aria-colcount=${features.length + (labelled ? 4 : 3)} aria-label=${`Table of ${count(n.current)} rows; Enter pins, Space selects`} aria-activedescendant=${`beside-row-${now}`} style=${`height:${tall}px`}
      onScroll=${(/** @type {any} */ e) => setTop(e.currentTarget.scrollTop)} onKeyDown=${keys} onFocus=${(/** @type {any} */ e) => { const told = rowAt(now); if (told && e.target === box.current) set({ hovered: told.row }); }} onBlur=${() => set({ hovered: null })}>
    <div role="row" class="row heads" aria-rowindex="1">${head("name", "row", "name")}${head("group", "group", "mark")}${labelled ? html`<span role="columnheader" class="label">label</span>` : null}${head("confidence", "sure", "value")}${columns.map((c) => head(features[c], features[c] + (units[c] ? `, ${units[c]}` : ""), "value"))}</div>
    <div class="all" role="rowgroup" style=${`height:${n.current * ROW}px`}>${drawn.map((i) => {
      const told = rowAt(i), some = pages.current.get(Math.floor(i / PAGE));
      if (!told || !some) return null;
      const label = labelOf(told.row, told.name), from = (i % PAGE) * features.length;
      return html`<div role="row" key=${i} id=${`beside-row-${i}`} class=${`row${i === now ? " now" : ""}${told.row === pinned ? " pinned" : ""}`} aria-rowindex=${i + 2} aria-selected=${isSelected(told.row) ? "true" : "false"} style=${`top:${i * ROW}px`}
        onMouseEnter=${() => set({ hovered: told.row })} onMouseLeave=${() => set({ hovered: null })} onClick=${(/** @type {MouseEvent} */ e) => { setNow(i); if (e.shiftKey || e.ctrlKey || e.metaKey) toggleRow(told.row, "table"); else pin(told.row); }}>
        <span role="rowheader" class="name" title=${told.words}><bdi>${told.name}</bdi></span><span role="gridcell" class="mark" title=${told.words}>${told.group >= 0 ? html`<${Sign} n=${told.group} /> ${told.group}` : "–"}</span>${labelled ? html`<span role="gridcell" class="label">${label && label.how === "person" ? label.name ?? "cannot tell" : ""}</span>` : null}
        <span role="gridcell" class="value">${told.confidence === null ? "–" : told.confidence.toFixed(2)}</span>${columns.map((c) => html`<span role="gridcell" class="value">${number(some.values[from + c])}</span>`)}</div>`;
    })}</div></div>
    <p class="small quiet">${counted(n.current, "row")}. <kbd>Enter</kbd> pins, <kbd>Space</kbd> selects; a click on a heading sorts.</p>`;
}
