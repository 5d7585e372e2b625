// @ts-check
/** What was taken for what: the confusion, whose cells select their rows, and the figures of each class. */
import { html } from "../vendor/preact-htm.js";
import { ask } from "../core/socket.js";
import { refused } from "../core/notices.js";
import { say, set } from "../core/state.js";
import { counted } from "../core/words.js";
import { Sign } from "../core/marks.js";
import { select } from "../map/select.js";

const MOST = 12; // classes whose cells can be read

/** Select the open rows of a cell, and go to see them. @param {string} truth @param {string} predicted */
async function see(truth, predicted) {
  try {
    const { rows } = await ask("judging.cell", { truth, predicted });
    const made = await select({ kind: "rows", rows });
    set({ view: "explore" });
    say(`${counted(made.n, "row")} of ${truth} taken for ${predicted} selected.`);
  } catch (why) { refused(why); }
}

/** @param {{told: any, sealed: boolean}} props of sealed rows no row can be selected: they are not on this page */
export function Confusion({ told, sealed }) {
  if (told.classes.length > MOST) return html`<p class="note">${told.classes.length} classes are too many for a matrix: the table below has them all.</p>`;
  return html`<table class="matrix"><caption class="hidden">True class down, predicted class across</caption>
    <thead><tr><th></th>${told.classes.map((/** @type {string} */ name, /** @type {number} */ j) => html`<th scope="col" title=${`taken for ${name}`}><${Sign} n=${told.signs[j]} /><span class="hidden">${name}</span></th>`)}<th scope="col">recall</th></tr></thead>
    <tbody>${told.classes.map((/** @type {string} */ name, /** @type {number} */ i) => html`<tr><th scope="row"><${Sign} n=${told.signs[i]} /> ${name}</th>
      ${told.confusion[i].map((/** @type {number} */ n, /** @type {number} */ j) => {
        const other = told.classes[j], style = `--share:${Math.round(100 * (told.shares[i][j] ?? 0))}%`, title = `${counted(n, "row")} of ${name} taken for ${other}`;
        return html`<td>${sealed || !n ? html`<span class="cell" style=${style} title=${title}>${n}</span>` : html`<button class="cell" style=${style} title=${`${title}: select them`} aria-label=${`${title}: select them`} onClick=${() => see(name, other)}>${n}</button>`}</td>`;
      })}<td class="small">${told.recalls[i]}</td></tr>`)}</tbody></table>
    <p class="note">Down: the labels; across: the model. ${sealed ? "Sealed rows are not on this page, so their cells select nothing." : "A cell selects its rows in Explore."}</p>`;
}

/** @param {{told: any}} props */
export function PerClass({ told }) {
  const heads = [["rows", "rows"], ["recall", "recall"], ["precision", "precision"], ["f1", "F1"], ["jaccard", "Jaccard"]];
  return html`<details class="more" open=${told.classes.length > MOST}><summary>Figures of each class</summary><div class="wide"><table class="per-class"><thead><tr><th></th>${heads.map(([, title]) => html`<th class="number" scope="col">${title}</th>`)}</tr></thead>
    <tbody>${told.per_class.map((/** @type {any} */ one, /** @type {number} */ i) => html`<tr><th scope="row"><${Sign} n=${told.signs[i]} /> ${one.name}</th>${heads.map(([key]) => html`<td class="number">${one[key]}</td>`)}</tr>`)}</tbody></table></div></details>`;
}
