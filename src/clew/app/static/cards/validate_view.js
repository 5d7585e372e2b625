// @ts-check
/** Validate: how good the model is, on rows that it never saw; each figure with its sentence first. All numbers are made in Python. */
import { html } from "../vendor/preact-htm.js";
import { set } from "../core/state.js";
import { openForm } from "../shell/form.js";
import { CalibrationPlot, Histogram, IntervalRows } from "./charts.js";
import { Confusion, PerClass } from "./by_class.js";
import { More, Said, useAsked } from "./said.js";

export function ValidateView() {
  const { answer, refused } = useAsked("judging.model", {}, []);
  return html`<div class="validate"><div class="sheet-of">${refused
    ? html`<div class="notice" role="alert"><b>The figures cannot be shown.</b> ${refused}</div>`
    : answer ? html`<${Judged} of=${answer} />` : html`<p class="waiting">Reading the record.</p>`}</div></div>`;
}

/** @param {{of: any}} props */
function Judged({ of }) {
  if (!of.model && !of.open) return html`<${Nothing} of=${of} />`;
  const shown = of.sealed ?? of.open;
  return html`<p class="lead">${of.sentence.length ? html`<${Said} pieces=${of.sentence} />` : "A model was trained; how good it is was not asked yet."}</p>
    ${of.model && html`<p class="small quiet model"><b>${of.model.name}</b>: ${of.model.headline}; sha256 <code>${of.model.sha256.slice(0, 12)}</code></p>`}
    ${of.circular && html`<div class="notice" role="note"><b>Names of groups were learnt.</b> ${of.circular}</div>`}
    <${Acts} of=${of} />
    ${shown && html`<div class="grid">
      <section class="block" aria-label="Figures"><h2>How good is it <span>${of.open && of.sealed ? "open and sealed rows" : shown.where}</span></h2><${Metrics} of=${of.metrics} sealed=${of.sealed !== null} />
        ${of.again.map((/** @type {any} */ one) => html`<div class="notice" role="note"><b>Tested again, not independent:</b> ${one.headline}. “${one.reason}”</div>`)}</section>
      ${shown.classes.length ? html`<section class="block" aria-label="By class"><h2>By class <span>${shown.where}</span></h2><${Confusion} told=${shown} sealed=${of.sealed !== null} /><${PerClass} told=${shown} />
        ${of.sealed && of.open && html`<h3>the same of ${of.open.where}</h3><${Confusion} told=${of.open} sealed=${false} />`}</section>` : html`<${FromReport} kind="predicted" />`}
      <section class="block" aria-label="What to mind"><h2>What to mind</h2>
        <p>${shown.split}</p>${shown.warnings.map((/** @type {string} */ one) => html`<p>${one}</p>`)}
        ${of.sealed && of.open && html`<${More} title=${`Of ${of.open.where}`} remarks=${[of.open.split, ...of.open.warnings]} />`}</section>
      ${shown.calibration.length > 0 && html`<section class=${shown.calibration.length > 1 ? "block all" : "block"} aria-label="Probabilities"><h2>Are the probabilities true? <span>${shown.where}</span></h2><${Calibrated} told=${shown} /></section>`}
    </div>`}
    ${of.confirmation && html`<${Confirmed} of=${of.confirmation} />`}
    <div class="sections">${of.confirmation && html`<${FromReport} kind="confirm" />`}
      ${["curve", "repeat", "sensors", "compare", "explain"].filter((kind) => of.judged.includes(kind)).map((kind) => html`<${FromReport} kind=${kind} key=${kind} />`)}
      ${of.open && html`<${FromReport} kind="labels" />`}</div>`;
}

/** @param {{of: any}} props */
function Nothing({ of }) {
  const ready = of.target || of.labels.person + of.labels.group > 0;
  return html`<p class="lead"><b>No model yet.</b> ${ready
    ? "Rows have labels: train the repeatable classifier, then ask here how good it is on rows that it never saw."
    : `A classifier learns from labels that people give, or from the names of groups. Label some ${of.what}, or look for groups in Explore and name them.`}</p>
    <div class="acts">${ready && html`<button class="button primary" onClick=${() => openForm("train")}>Train…</button>`}<${Go} view="label">Label some ${of.what}<//><${Go} view="explore">Look for groups<//></div>`;
}

/** @param {{view: string, children?: any}} props */
function Go({ view, children }) {
  return html`<button class="button" onClick=${() => set({ view: /** @type {any} */ (view) })}>${children}</button>`;
}

/** @type {Record<string, string>} */
const ASK = { explain: "Explain", curve: "Learning curve", compare: "Compare with other models", repeat: "Repeat", sensors: "Compare sensors" };

/** What can be asked next; the first that was not asked is the primary one. @param {{of: any}} props */
function Acts({ of }) {
  const first = of.open ? "" : "validate";
  return html`<div class="acts">
    <button class=${first ? "button primary" : "button"} onClick=${() => openForm("validate")}>Validate${of.open ? " again" : ""}…</button>
    ${Object.entries(of.asks).map(([verb, title]) => html`<button class="button" title=${title} onClick=${() => openForm(verb)}>${ASK[verb]}${of.judged.includes(verb) ? " again" : ""}…</button>`)}
    <button class="button" onClick=${() => openForm("train")}>Train again…</button>
    ${of.sealed_rows > 0 && html`<button class="button" onClick=${() => openForm("test")}>${of.openings ? "Test again, not independent…" : "Test, breaks the seal…"}</button>`}</div>`;
}

/** @param {{of: any, sealed: boolean}} props */
function Metrics({ of, sealed }) {
  const rows = of.rows.map((/** @type {any} */ one) => ({
    name: one.name, strong: sealed || one.strong, band: one.band, chance: one.blind, shuffled: one.shuffled,
    marks: one.drawn ? [one.open && { ...one.open, filled: !sealed }, one.sealed && { ...one.sealed, filled: true }].filter(Boolean) : [],
    said: [one.open && one.said_open, sealed && one.said_sealed].filter((text) => typeof text === "string"),
  }));
  const both = of.rows[0]?.open && sealed;
  return html`<${IntervalRows} rows=${rows} from=${of.from} to=${of.to} head=${both ? ["open", "sealed"] : []} caption=${of.caption} />`;
}

/** @param {{told: any}} props */
function Calibrated({ told }) {
  return html`<p>On the grey line as many rows are of the class as the probability says. Lines: 95%, over groups.</p>
    <div class="side">${told.calibration.map((/** @type {any} */ one) => html`<${CalibrationPlot} name=${one.name} points=${one.points} group=${told.signs[told.classes.indexOf(one.name)]} caption=${one.headline} />`)}</div>`;
}

/** @param {{of: any}} props */
function Confirmed({ of }) {
  return html`<section class="block all" aria-label="Replication"><h2>Do the groups replicate? <span>sealed rows, the first time they were asked</span></h2><p><b>${of.headline}</b> ${of.verdicts}</p>
    ${of.histogram && html`<div style="max-width:420px"><${Histogram} ...${of.histogram} name="sealed rows" caption="Grey: the projected index of single clouds of either kind, parted as the open rows were." /></div>`}
    <${More} title="What to mind" remarks=${of.notes} /></section>`;
}

/** A section of the report, as it stands there; the report escapes whatever comes from data. @param {{kind: string}} props */
function FromReport({ kind }) {
  const { answer, refused } = useAsked("figures.section", { kind }, [kind]);
  if (refused) return html`<div class="notice" role="alert"><b>This figure cannot be drawn.</b> ${refused}</div>`;
  if (!answer) return html`<p class="waiting">Drawing.</p>`;
  return answer.html ? html`<div class="from-report" data-kind=${kind} dangerouslySetInnerHTML=${{ __html: answer.html }} />` : null;
}
