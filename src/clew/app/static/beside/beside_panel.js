// @ts-check
/** Beside the map: what follows the selection. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { use } from "../core/state.js";
import { useKeys } from "../core/keys.js";
import { count, counted } from "../core/words.js";
import { clearSelection } from "./choose.js";
import { Gallery, ORDERS, sizeOf, usePage } from "./gallery.js";
import { Histograms } from "./histograms.js";
import { ImageView } from "./image.js";
import { Measurements, useRow } from "./measurements.js";
import { RecordingView } from "./recording.js";
import { Table } from "./table.js";

const SHORT = { wandering: "wandering", random: "random", centre: "central" };
const TABS = { gallery: "Gallery", table: "Table", histograms: "Histograms" };

/** Ask the map to name what is selected. */
function name() { window.dispatchEvent(new CustomEvent("clew:name")); }

/** @param {{kind: string, order: string, setOrder: (order: string) => void, tab: string, setTab: (tab: string) => void}} props */
function Tabs({ order, setOrder, tab, setTab }) {
  const all = Object.keys(TABS);
  /** @param {KeyboardEvent} event */
  const keys = (event) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const next = all[(all.indexOf(tab) + by + all.length) % all.length];
    setTab(next);
    document.getElementById(`beside-tab-${next}`)?.focus();
  };
  return html`<div class="tabs"><div role="tablist" aria-label="What is shown of the rows" onKeyDown=${keys}>${Object.entries(TABS).map(([one, title]) => html`<button role="tab" id=${`beside-tab-${one}`} aria-selected=${one === tab ? "true" : "false"} aria-controls="beside-rows" tabindex=${one === tab ? 0 : -1} onClick=${() => setTab(one)}>${title}</button>`)}</div>
    ${tab === "gallery" ? html`<select class="plain small" aria-label="Order" title="Which rows come first" value=${order} onChange=${(/** @type {any} */ e) => setOrder(e.currentTarget.value)}>${Object.entries(SHORT).map(([one, words]) => html`<option value=${one} title=${ORDERS[/** @type {keyof typeof ORDERS} */ (one)]}>${words}</option>`)}</select>` : null}</div>`;
}

export function BesidePanel() {
  const study = use((s) => s.about?.study), selection = use((s) => s.selection), pinned = use((s) => s.pinned);
  const kind = study?.kind ?? "table";
  const [tab, setTab] = useState(kind === "table" || kind === "distances" ? "table" : "gallery"), [order, setOrder] = useState("wandering"), [at, setAt] = useState(0);
  const page = usePage(order, at, sizeOf(kind));
  useEffect(() => { setAt(0); }, [selection.id, order]);
  useKeys({ n: () => (selection.id ? name() : false) }, { where: "explore" });
  const subject = pinned ?? page?.rows[0]?.row ?? null;
  const found = useRow(subject), before = useRef(/** @type {any} */ (null));
  if (found || subject === null) before.current = found;
  const told = before.current; // the last row stays until the next is known, so that nothing jumps
  if (!study) return html`<section class="column beside" aria-label="Rows"></section>`;
  return html`<section class="column beside" aria-label="What follows the selection">
    <div class="bar"><h2>${selection.id ? `${counted(selection.n, "row")} selected` : `All ${count(study.counts.open)} open rows`}</h2>${selection.id ? html`<span class="quiet">${selection.how}</span><span class="right"><button class="button" onClick=${name}>Name <kbd>N</kbd></button><button class="button quiet" onClick=${() => void clearSelection()}>Clear</button></span>` : null}</div>
    <div class="scroll">
      <div class="part first"><${Tabs} kind=${kind} order=${order} setOrder=${setOrder} tab=${tab} setTab=${setTab} />
        <div id="beside-rows" role="tabpanel" aria-labelledby=${`beside-tab-${tab}`}>${tab === "gallery" ? html`<${Gallery} page=${page} kind=${kind} order=${order} onPage=${setAt} />` : tab === "table" ? html`<${Table} features=${study.features} units=${study.units} order=${told?.values.map((/** @type {any} */ one) => one.name) ?? []} />` : html`<${Histograms} features=${study.features} first=${told?.values[0]?.name ?? ""} />`}</div></div>
      <div class="part">${subject !== null && kind === "image" ? html`<${ImageView} row=${subject} />` : null}
        ${subject !== null && kind === "signal" && told ? html`<${RecordingView} row=${subject} window=${told.window} />` : null}
        <${Measurements} told=${told} /></div></div></section>`;
}
