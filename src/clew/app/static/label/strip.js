// @ts-check
/** What comes next: small, in order; control items in a dashed frame. */
import { html } from "../vendor/preact-htm.js";
import { pictureOf } from "../beside/thumb.js";
import { open, useQueue } from "./queue.js";

const NAMES = { hybrid: "uncertain, then diverse", margin: "two classes nearly even", entropy: "spread over classes", "least-confidence": "best class unsure", "k-centre": "unlike all labelled", cluster: "one of each cluster", random: "at random" };
const ORDER = ["", "1st", "2nd", "3rd"];

/** "3rd". @param {number} n */
const nth = (n) => ORDER[n] ?? `${n}th`;

export function Strip() {
  const { items, settings, strategies, left, stuck, kind } = useQueue();
  return html`<section class="next" aria-label="Next">
    <div class="next-head"><h2>Next</h2><span class="quiet">every ${nth(settings.control_every)} is drawn at random: the control, and the only labels that judge</span>
      <label class="right">strategy <select class="plain" value=${settings.strategy} onChange=${(/** @type {any} */ event) => void open({ strategy: event.target.value })}>
        ${strategies.map((name) => html`<option value=${name} title=${/** @type {any} */ (NAMES)[name]}>${name}</option>`)}</select></label></div>
    <ol data-kind=${kind}>${items.slice(1, 7).map((item) => html`<li key=${item.row} class=${item.control ? "control" : ""}>
      <div class="of"><b>${item.title}</b><span class="quiet">${item.tag}</span></div>
      <img src=${pictureOf(item.row, { size: 54, width: 122 })} height="54" alt="" loading="eager" />
      <small>${item.both ? "asked of two" : item.short}</small></li>`)}
      ${items.length < 2 && html`<li class="end small">${(left === null || left > 0) && !stuck ? "More is on the way." : "Nothing comes after this."}</li>`}</ol></section>`;
}
