// @ts-check
/** Evidence of groups, agreement of runs, and the names of the groups: two questions, never one. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { set } from "../core/state.js";
import { refused } from "../core/notices.js";
import { Sign } from "../core/marks.js";
import { count, counted } from "../core/words.js";
import { openForm } from "../shell/form.js";
import { startJob } from "../shell/jobs.js";
import { EvidenceCurve, Strokes } from "./charts.js";
import { More, Said, two } from "./said.js";

/** Is there more than one population? @param {{look: any}} props */
export function Evidence({ look }) {
  const found = look.evidence, [first, ...others] = look.mind;
  const grave = first && first.bold ? first : null, rest = grave ? others : look.mind;
  return html`<section class="section evidence" aria-label="Evidence of groups">
    <p class="finding"><${Said} pieces=${look.finding} /></p>
    <${EvidenceCurve} ...${found} evident=${found.k > 0} title="Projected index against number of groups k" caption=${found.caption}
      onPick=${(/** @type {number} */ k) => openForm("explore", { ...look.settings, k })} pickTitle=${(/** @type {number} */ k) => `k = ${k}: cut into ${k}, as a new look`} />
    ${look.modes.features.length > 0 && html`<p class="note">${code(look.modes.sentence)} ${look.modes.try && html`<button class="link" onClick=${() => openForm("explore", { ...look.settings, features: look.modes.try })}>Look at ${look.modes.try} alone</button>`}</p>`}
    ${grave && html`<div class="notice" role="note"><b>${grave.bold}</b> ${grave.rest} ${grave.way === "source"
      ? html`<button class="link" onClick=${() => set({ colour: "source" })}>Colour by source</button>`
      : html`<button class="link" onClick=${() => openForm("explore", look.settings)}>Look again, otherwise</button>`}</div>`}
    <${More} title=${grave ? `${counted(rest.length, "more thing")} to mind` : `${counted(rest.length, "thing")} to mind`} remarks=${rest.map((/** @type {any} */ one) => `${one.bold} ${one.rest}`)} />
  </section>`;
}

/** Names between backticks as code. @param {string} text */
function code(text) { return text.split("`").map((part, i) => (i % 2 ? html`<code>${part}</code>` : part)); }

/** How far the runs agree, which is no evidence. @param {{look: any}} props */
export function Agreement({ look }) {
  const { agreement } = look, runs = agreement.ari.map((/** @type {any} */ _, /** @type {number} */ i) => `run ${i + 1}`);
  const pairs = agreement.ari.flatMap((/** @type {number[]} */ row, /** @type {number} */ i) => row.slice(i + 1));
  const table = { head: ["ARI", ...runs], rows: agreement.ari.map((/** @type {number[]} */ row, /** @type {number} */ i) => [runs[i], ...row.map((one) => two(one))]) };
  return html`<section class="section agreement" aria-label="Agreement of the runs">
    <div class="title"><h2>${agreement.title}</h2><span class="quiet">ARI ${two(agreement.mean)}, lowest ${two(agreement.lowest)}</span></div>
    <p class="note">${agreement.sentence}</p>
    <${Strokes} values=${pairs} mean=${agreement.mean} from=${Math.min(0, agreement.lowest)} table=${table} caption="A stroke for every two runs; triangle: their mean."
      label=${`Adjusted Rand index of every two of ${runs.length} runs, mean ${two(agreement.mean)}, lowest ${two(agreement.lowest)}`} /></section>`;
}

/** The groups with their names, to be changed in place; each change is a step on record. @param {{look: any}} props */
export function Names({ look }) {
  const [open, setOpen] = useState(/** @type {number|null} */ (null));
  useEffect(() => setOpen(null), [look]);
  if (!look.groups.length) return null;
  const give = async (/** @type {number} */ group, /** @type {string} */ text) => {
    if (!text || text === look.groups[group].name) { setOpen(null); return; }
    const names = look.groups.map((/** @type {any} */ one) => [one.group, one.group === group ? text : one.name]).filter((/** @type {any} */ one) => one[1]);
    try { await startJob("name", { names: names.map((/** @type {any} */ one) => one.join("=")) }); setOpen(null); } catch (why) { refused(why); }
  };
  return html`<section class="section groups" aria-label="Names of the groups"><h2>Groups</h2><ul>${look.groups.map((/** @type {any} */ one) => html`<li>
    <${Sign} n=${one.group} />${open === one.group
      ? html`<${NameField} group=${one} give=${(/** @type {string} */ text) => give(one.group, text)} leave=${() => setOpen(null)} />`
      : html`<button class="name" disabled=${!look.latest} title=${look.latest ? "Change the name; it is a step on record" : "Only the groups of the latest look can be named"} onClick=${() => setOpen(one.group)}>${one.name || `group ${one.group}`}</button>`}
    <span class="quiet">n = ${count(one.rows)}</span></li>`)}</ul></section>`;
}

/** @param {{group: any, give: (text: string) => void, leave: () => void}} props */
function NameField({ group, give, leave }) {
  const field = useRef(/** @type {any} */ (null));
  useEffect(() => field.current.select(), []);
  return html`<form onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); give(field.current.value.trim()); }}>
    <input type="text" ref=${field} aria-label=${`Name of group ${group.group}`} value=${group.name} maxlength="60" onKeyDown=${(/** @type {KeyboardEvent} */ event) => { if (event.key === "Escape") { event.stopPropagation(); leave(); } }} />
    <button class="button">Name</button></form>`;
}
