// @ts-check
/** Whether it is worth going on: stop light, reasons, learning curve, labels so far, two annotators. Judged in the background. */
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { classes, counts, labelled, useLabels } from "../core/labels.js";
import { Sign } from "../core/marks.js";
import { ask, on } from "../core/socket.js";
import { counted } from "../core/words.js";
import { Curves } from "./curves.js";
import { Exchange } from "./exchange.js";
import { useQueue } from "./queue.js";
import { Two } from "./two.js";

/** @typedef {import("./curves.js").Point} Point */
/**
 * @typedef {Object} Light
 * @property {"go on"|"nearly there"|"stop"} verdict
 * @property {string} sentence
 * @property {[boolean, string, string][]} reasons
 * @property {string} helps
 * @property {string[]} notes
 * @property {number} labels
 * @property {number} control_labels
 * @property {string} strategy
 * @property {string} metric
 * @property {number|null} wanted
 * @property {Point[]} active
 * @property {Point[]} control
 * @property {Point[]} forecast
 */

export function Worth() {
  useLabels();
  const [light, setLight] = useState(/** @type {Light|null} */ (null)), [trouble, setTrouble] = useState("");
  useEffect(() => {
    ask("queue.worth").then((answer) => { setLight(answer.light); setTrouble(answer.trouble); }).catch(() => {}); // the push comes all the same
    return on("queue.judged", (push) => { setLight(push); setTrouble(""); });
  }, []);
  return html`<div class="bar"><h2>Is it worth going on?</h2></div><div class="scroll">
    <section class="section"><${StopLight} light=${light} trouble=${trouble} /></section>
    ${light && light.active.length > 0 && html`<section class="section"><h2>Learning curve</h2><${Curves} light=${light} /></section>`}
    <${SoFar} /><${Two} />
    <section class="section"><${Exchange} /></section></div>`;
}

/** A true minus before figures. @param {string} text */
export const minus = (text) => text.replace(/(?<![\w.])-(?=\d)/g, "−");

const SHAPES = /** @type {const} */ ([["go on", "M0 -5.5A5.5 5.5 0 1 0 0 5.5A5.5 5.5 0 1 0 0 -5.5Z"], ["nearly there", "M0 -6L6.4 5.4H-6.4Z"], ["stop", "M-5.4 -5.4H5.4V5.4H-5.4Z"]]);

/** Circle, triangle, square: the shape and the word say it, colour only repeats. @param {{light: Light|null, trouble: string}} props */
function StopLight({ light, trouble }) {
  const [bold, ...rest] = minus(light?.sentence ?? "Go on. Nothing can be judged before there are labels of two classes.").split(/(?<=\.)\s/);
  return html`<div class="light"><svg width="28" height="76" viewBox="-14 -38 28 76" role="img" aria-label=${`Stop light: ${light?.verdict ?? "go on"}`}>
      <rect x="-13" y="-37" width="26" height="74" rx="6" fill="none" stroke="var(--rule2)" />
      ${SHAPES.map(([verdict, path], i) => html`<path d=${path} transform=${`translate(0 ${(i - 1) * 23})`} class=${(light?.verdict ?? "go on") === verdict ? `lit ${verdict.replace(" ", "-")}` : "unlit"} />`)}</svg>
    <p class="finding" aria-live="polite"><b>${bold}</b> ${rest.join(" ")}</p></div>
    ${light && light.reasons.length > 0 && html`<ul class="reasons">${light.reasons.map(([met, what, figure]) => html`<li><span class="mark" aria-label=${met ? "met" : "not met"}>${met ? html`<svg viewBox="0 0 10 10" aria-hidden="true"><path d="M1.500 5.500L4 8L8.500 2" /></svg>` : html`<svg viewBox="0 0 10 10" aria-hidden="true"><path d="M2 5H8" /></svg>`}</span><span>${what}</span><span class="number">${minus(figure)}</span></li>`)}</ul>`}
    ${[...(light?.notes ?? []), trouble].filter(Boolean).map((note) => html`<p class="small quiet">${note}</p>`)}`;
}

/** How many rows people gave each class. */
function SoFar() {
  const all = classes(), found = counts();
  const given = all.map((one) => ({ ...one, n: found.get(one.number) ?? 0 })), most = Math.max(1, ...given.map((one) => one.n));
  const total = labelled() ?? 0, unsure = found.get(0) ?? 0, { skipped } = useQueue();
  return html`<section class="section so-far"><div class="head"><h2>Labels so far</h2><span class="quiet">${total}</span></div>
    ${total || unsure || skipped || all.length ? html`<table><tbody>${given.map((one) => html`<tr><th scope="row"><${Sign} n=${one.number - 1} /> ${one.name}</th>
        <td><i style=${`width:${(100 * one.n) / most}%;background:var(--c${(one.number - 1) % 6})`}></i></td><td class="number">${one.n}</td></tr>`)}</tbody></table>
      ${unsure > 0 && html`<p class="small quiet">${counted(unsure, "row")} that could not be told</p>`}
      ${skipped > 0 && html`<p class="small quiet">${counted(skipped, "row")} that you skipped; asked again when nothing else is left</p>`}`
    : html`<p class="quiet">No labels yet. Name a class, then press 1 to 9.</p>`}</section>`;
}
