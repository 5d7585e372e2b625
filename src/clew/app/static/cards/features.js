// @ts-check
/** The features: how they go together, which tell how far a row is from each group, and what a model goes by. */
import { html, useState } from "../vendor/preact-htm.js";
import { openForm } from "../shell/form.js";
import { AsTable, Bars, HeatMap, LEGIBLE } from "./charts.js";
import { More, Said, two, useAsked } from "./said.js";

const ROOM = 176, WHOLE = 292; // px for the cells of the matrix, with and without names beside them
const MOST = 60; // features whose cells can be told apart

/** Behind its title; asked for when it is opened. @param {{step: number}} props */
export function Features({ step }) {
  const [open, setOpen] = useState(false);
  return html`<details class="section features" onToggle=${(/** @type {any} */ e) => setOpen(e.currentTarget.open)}>
    <summary><h2>Features</h2><span class="quiet">correlation, distance to each centre</span></summary>${open && html`<${Matrix} step=${step} />`}</details>`;
}

/** @param {{step: number}} props */
function Matrix({ step }) {
  const { answer, refused } = useAsked("cards.correlations", { step }, [step]);
  if (refused) return html`<p class="note" role="alert">${refused}</p>`;
  if (!answer) return html`<p class="note">Asking.</p>`;
  if (!answer.features.length) return html`<p class="note">Without groups there is nothing that features could tell apart.</p>`;
  const [between, distance] = answer.arrays, n = answer.features.length, g = answer.groups.length;
  const named = Math.floor(ROOM / (n + g));
  const columns = [...answer.features, ...answer.groups.map((/** @type {string} */ name) => `distance to ${name}`)];
  const values = new Float32Array(n * (n + g));
  for (let i = 0; i < n; i += 1) {
    values.set(between.subarray(i * n, (i + 1) * n), i * (n + g));
    values.set(distance.subarray(i * g, (i + 1) * g), i * (n + g) + n);
  }
  const rows = answer.features.map((/** @type {string} */ name, /** @type {number} */ i) => [name, ...Array.from(values.subarray(i * (n + g), (i + 1) * (n + g)), (v) => two(v))]);
  return html`${n <= MOST
    ? html`<${HeatMap} values=${values} rows=${answer.features} columns=${columns} gapBefore=${n} cell=${named >= LEGIBLE ? Math.min(20, named) : Math.max(4, Math.min(LEGIBLE - 1, Math.floor(WHOLE / (n + g))))} label="Spearman correlation of the features, and at the right with the distance to each group's centre" hint="Blue: −1, rust: +1. Point at a cell. Right: the distance to each centre." />`
    : html`<p class="note">${n} features are too many to tell their cells apart: the table has them all.</p>`}
    <p class="note">Strongest with the distance to a centre: ${answer.strongest.map((/** @type {any} */ one, /** @type {number} */ i) => html`${i ? "; " : ""}${one.name}: <b>${one.feature}</b> ${two(one.value)}`)}.</p>
    ${answer.alike.length > 0 && html`<p class="note">Can stand in for each other: ${answer.alike.map((/** @type {string[]} */ one) => one.join(", ")).join("; ")}.</p>`}
    <${AsTable} head=${["", ...columns]} rows=${rows} />`;
}

/** What the trained model goes by. */
export function Speaks() {
  const { answer } = useAsked("cards.speaks", {}, []);
  if (!answer) return null;
  if (!answer.explained) {
    return html`<section class="section speaks" aria-label="What speaks for a class"><h2>What speaks</h2>
      <p class="note">${answer.trained ? "What the model goes by, per feature and per group of features that share credit, was not asked yet." : "A trained model will say here which features it goes by. Give labels or names, then train."}</p>
      <div class="acts"><button class="button" onClick=${() => openForm(answer.trained ? "explain" : "train")}>${answer.trained ? "Explain the model…" : "Train…"}</button></div></section>`;
  }
  return html`<section class="section speaks" aria-label="What speaks for a class"><div class="title"><h2>What speaks</h2><span class="quiet">${answer.measure}</span></div>
    <p>${answer.goes_by.length ? html`<${Said} pieces=${answer.goes_by} />` : answer.verdict}</p>
    ${answer.outdated && html`<div class="notice" role="note"><b>This is about another model than the latest.</b> <button class="link" onClick=${() => openForm("explain")}>Explain again</button></div>`}
    ${answer.rows.length > 0 && html`<${Bars} rows=${answer.rows.map((/** @type {any} */ one) => ({ ...one, said: [one.said, one.permuted] }))} head=${answer.head} caption=${`${answer.lines} Thin: members of a group that share credit.${answer.left_out ? ` ${answer.left_out} weaker left out.` : ""}`} />`}
    <${More} title="What to mind" remarks=${[answer.verdict, ...answer.remarks, answer.cause]} /></section>`;
}
