// @ts-check
/** What is said of features and groups: stated, confirmed, not confirmed, refused; never proved. */
import { html } from "../vendor/preact-htm.js";
import { set } from "../core/state.js";
import { openForm } from "../shell/form.js";
import { Strip } from "./charts.js";
import { More, Said } from "./said.js";

/** @param {{told: any, signs: Record<string, number>}} props */
export function Hypotheses({ told, signs }) {
  const here = told.hypotheses.filter((/** @type {any} */ one) => !one.elsewhere), elsewhere = told.hypotheses.filter((/** @type {any} */ one) => one.elsewhere);
  const features = here[0]?.features?.join(",") ?? "";
  return html`<section class="section hypotheses" aria-label="Hypotheses">
    <div class="title"><h2>Hypotheses</h2><span class="quiet">${told.count}</span></div>
    ${here.length ? html`<ol>${here.map((/** @type {any} */ one) => html`<${Hypothesis} one=${one} signs=${signs} />`)}</ol>`
      : html`<p class="note">None is stated of this look. State your own, in terms of features and of labels that people give.</p>`}
    ${told.confirmation && html`<p class="note">${told.confirmation}</p>`}
    <${More} title="Groups that no few features tell" remarks=${told.untold} />
    ${elsewhere.length > 0 && html`<details class="more"><summary>${elsewhere.length} of other looks</summary><ol>${elsewhere.map((/** @type {any} */ one) => html`<${Hypothesis} one=${one} signs=${{}} />`)}</ol></details>`}
    ${told.circular && html`<p class="note">${told.circular}</p>`}
    <div class="acts">
      ${told.to_label && html`<button class="button primary" onClick=${() => set({ view: "label" })}>${told.to_label}</button>`}
      ${told.can_confirm && html`<button class="button" onClick=${() => openForm("confirm")}>Confirm, breaks the seal…</button>`}
      <button class="button quiet" onClick=${() => openForm("state", features ? { features } : {})}>State one…</button>
    </div></section>`;
}

/** @param {{one: any, signs: Record<string, number>}} props */
function Hypothesis({ one, signs }) {
  const verdict = [one.state, one.by, one.elsewhere && `step ${one.step}, not pursued`].filter(Boolean).join(", ");
  return html`<li><span class="h">H${one.number}</span><div><p><${Said} pieces=${one.said} signs=${signs} /></p>
    <p class="small">${one.figure}${one.figure && "."} ${verdict !== "stated" && html`<span class="state">${one.state === "confirmed" ? html`<b>Confirmed</b>${verdict.slice(one.state.length)}` : verdict[0].toUpperCase() + verdict.slice(1)}.</span>`}</p>
    ${one.told && html`<p class="small quiet">${one.told}</p>`}
    ${one.strips && html`<div class="strips">${one.strips.map((/** @type {any} */ strip) => html`<${Strip} ...${strip} group=${one.group} who=${one.said.find((/** @type {any} */ piece) => piece[0] === "group")?.[1] ?? "the group"} />`)}</div>`}</div></li>`;
}
