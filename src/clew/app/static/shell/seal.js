// @ts-check
/** The seal at the end of the thread: what it keeps, whether it was opened, and what opening means. */
import { html, useEffect, useRef } from "../vendor/preact-htm.js";
import { count, counted } from "../core/words.js";
import { openDialog } from "./dialog.js";
import { openForm } from "./form.js";
import { exactly } from "./words.js";

const WHOLE = "M24 3.5c3 0 4.300 2.300 7 3.100s5.300-.1 7.400 2 1.200 4.800 2 7.500 3.100 4.300 3.100 7.900-2.300 5-3.100 7.700.1 5.400-2 7.500-4.800 1.200-7.500 2-4.300 3.100-7.300 3.100-4.300-2.300-7-3.100-5.400.1-7.500-2-1.200-4.800-2-7.500S4.500 27 4.500 24s2.300-5 3.100-7.700-.1-5.400 2-7.500 4.800-1.400 7.500-2.200S21 3.500 24 3.500z";
const HALVES = [
  "M25 4.500l-3.500 9 3.800 7-4 8.500 3 7-1.500 8.500c-3 .3-4.600-1.500-7-2.400-2.700-1-5.400.1-7.500-2s-1.200-4.800-2-7.500S3.500 27 3.500 24s2-5 2.800-7.700-.1-5.400 2-7.500 4.800-1.400 7.500-2.200 5.500-2.600 9.200-2.100z",
  "M31.500 4c3 0 4.300 2 7 2.800s5.300-.1 7.400 2 1.200 4.800 2 7.500 3.100 4.300 3.100 7.900-2.300 5-3.100 7.700.1 5.400-2 7.500-4.800 1.200-7.500 2-4 2.600-7.500 3l1.500-8.300-3-7 4-8.500-3.800-7z",
];

/** The wax. @param {{state: string}} props */
export function Wax({ state }) {
  if (state === "none") return html`<svg viewBox="0 0 48 48" aria-hidden="true"><circle cx="24" cy="24" r="18" fill="none" stroke="var(--rule2)" stroke-width="1.5" stroke-dasharray="3 3" /></svg>`;
  if (state === "closed") return html`<svg viewBox="0 0 48 48" aria-hidden="true"><path fill="var(--wax)" d=${WHOLE} /><circle cx="24" cy="24" r="12.500" fill="none" stroke="var(--surface)" stroke-opacity=".55" /><circle cx="24" cy="24" r="7" fill="none" stroke="var(--surface)" stroke-opacity=".8" stroke-width="1.500" /><path d="M18 21c4-3.500 8-3.500 12 0M17.500 26c5-4.500 9-4 13 .5" fill="none" stroke="var(--surface)" stroke-opacity=".8" stroke-width="1.300" /></svg>`;
  return html`<svg class="halves" viewBox="0 0 56 48" aria-hidden="true">${HALVES.map((d) => html`<path fill="var(--wax)" d=${d} />`)}</svg>`;
}

/** @param {{seal: any}} props */
export function Seal({ seal }) {
  const before = useRef("");
  const breaks = before.current === "closed" && seal.state !== "closed";
  useEffect(() => { before.current = seal.state; }, [seal.state]);
  const what = seal.state === "none" ? "Why" : "What opening means";
  return html`<section class="seal-box" aria-label="Seal" data-state=${seal.state} data-breaks=${breaks ? "yes" : "no"}><${Wax} state=${seal.state} /><div>${told(seal)}
    <button onClick=${() => openDialog(seal.state === "none" ? "Why rows are sealed" : "What opening means", (close) => html`<${Meaning} seal=${seal} close=${close} />`)}>${what}</button></div></section>`;
}

/** @param {any} seal */
function told(seal) {
  if (seal.state === "none") return html`<b>${seal.made ? "Nothing is sealed" : "Nothing to seal yet"}</b><p>${seal.made ? "This study was made without sealed rows." : "A fifth of the groups is put away before the first look."}</p>`;
  if (seal.state === "closed") return html`<b>Sealed, never opened</b><p>${kept(seal)}</p><p>since ${exactly(seal.since)}</p>`;
  const last = seal.openings.at(-1);
  return html`<b>${seal.state === "again" ? `Opened, ${ordinal(seal.openings.length)} time: not independent` : last.shown ? "Opened" : "Opened, nothing was shown"}</b>
    <p>${exactly(last.at)}, ${last.who}</p><p>“${last.reason}”</p>`;
}

/** @param {any} seal */
function kept(seal) { return `${counted(seal.rows, "row")}${seal.groups > 1 ? `, ${count(seal.groups)} of ${count(seal.of_groups)} ${seal.what}` : ""}`; }
/** @param {number} n */
function ordinal(n) { return n === 2 ? "2nd" : n === 3 ? "3rd" : `${n}th`; }

/** @param {{seal: any, close: () => void}} props */
function Meaning({ seal, close }) {
  const open = (/** @type {string} */ verb) => { close(); openForm(verb); };
  return html`<div class="scroll seal-dialog">
    <p>Before the first look some rows are put away, whole groups at a time. Nobody sees them: not you, not the map, not a model. What is found on the open rows can then be asked of rows that had no say in it.</p>
    <p><b>They can answer once.</b> Whoever has seen the answer chooses differently; a second opening is allowed, and is marked as not independent in every report.</p>
    ${seal.state !== "none" && html`<${Revealed} seal=${seal} />`}
    ${seal.openings?.length > 0 && html`<h2>Opened so far</h2><table><tbody>${seal.openings.map((/** @type {any} */ one) => html`<tr><td>${exactly(one.at)}</td><td>${one.who}, ${one.verb}</td><td>${one.reason}${one.independent ? "" : " (not independent)"}${one.shown ? "" : " (nothing was shown: the step did not end)"}</td></tr>`)}</tbody></table>`}</div>
    <div class="foot"><div class="right">${seal.may?.confirm && html`<button class="button" onClick=${() => open("confirm")}>Confirm, breaks the seal...</button>`}
      ${seal.may?.test && html`<button class="button" onClick=${() => open("test")}>Test the model, breaks the seal...</button>`}
      <button class="button primary" autofocus onClick=${close}>${seal.state === "closed" ? "Leave it closed" : "Close"}</button></div></div>`;
}

/** What will be revealed, and what has been tried so far. @param {{seal: any}} props */
export function Revealed({ seal }) {
  const { tried } = seal;
  return html`<p><b>What will be revealed:</b> ${kept(seal)}, ${seal.state === "closed" ? "seen by nobody yet" : "which have been seen before: what they say now will be marked as not independent"}.</p>
    <p><b>What has been tried so far:</b> ${counted(tried.looks, "look")}, ${counted(tried.hypotheses, "hypothesis", "hypotheses")} on record, ${counted(tried.models, "model")}, ${counted(tried.validations, "validation")}. The more was tried, the more the sealed rows are needed.</p>`;
}
