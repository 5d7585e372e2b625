// @ts-check
/** Report: the record as a reviewer gets it, in its own frame that can run and load nothing. */
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { refused } from "../core/notices.js";
import { use } from "../core/state.js";
import { counted } from "../core/words.js";
import { startJob } from "../shell/jobs.js";
import { Said, useAsked } from "./said.js";

export function ReportView() {
  const { answer, refused: why } = useAsked("reporting.state", {}, []);
  const jobs = use((s) => s.jobs), paper = usePaper();
  if (why) return html`<div class="reporting"><div class="section"><div class="notice" role="alert"><b>The record cannot be read.</b> ${why}</div></div></div>`;
  if (!answer) return html`<p class="waiting">Reading the record.</p>`;
  const last = (/** @type {string} */ verb) => jobs.filter((one) => one.verb === verb).pop();
  const making = ["waiting", "running"].includes(last("report")?.state), verifying = last("verify");
  return html`<div class="reporting">
    <section class="sheet-of" aria-label="The report"><div class="bar"><h2>Report</h2><span class="quiet small">${answer.made ? (answer.current ? "says what the record says" : "older than the record") : "not made yet"}</span>
      <div class="right"><button class=${answer.current ? "button" : "button primary"} disabled=${making} onClick=${() => startJob("report", {}).catch(refused)}>${making ? "Making the report…" : answer.made ? "Make the report again" : "Make the report"}</button>
        ${answer.made && html`<a class="button" href=${`/report?save=yes&of=${answer.file.slice(0, 12)}`} download>Download</a>`}</div></div>
      ${answer.made ? html`<iframe title="The report of this study" sandbox="" src=${`/report?of=${answer.file.slice(0, 12)}&paper=${paper}`}></iframe>`
        : html`<div class="empty"><p>The report will stand here: one page with every figure, its reference and its step, that a reviewer can check and that asks for nothing outside of itself.</p></div>`}</section>
    <aside class="side" aria-label="What a reviewer should know">
      ${answer.made && !answer.current && html`<div class="section"><div class="notice" role="note"><b>The record has gone on since.</b> ${counted(answer.steps, "step")} are on it now. Make the report again.</div></div>`}
      ${!answer.current && html`<section class="section"><p class="finding"><${Said} pieces=${answer.finding} /></p></section>`}
      <section class="section know"><h2>What a reviewer should know</h2>${answer.reviewer.map((/** @type {any} */ one) => html`<p><b>${one.title}:</b> <${Said} pieces=${one.said} /></p>`)}<${Openings} of=${answer} /></section>
      <section class="section"><h2>The record</h2><p class="small">${counted(answer.steps, "step")}; its sha256</p><code class="hash">${answer.sha256}</code>
        <p class="small">Anyone with the raw files repeats it: <code>${answer.command}</code></p>
        <div class="acts"><button class="button" disabled=${["waiting", "running"].includes(verifying?.state)} onClick=${() => startJob("verify", {}).catch(refused)}>${["waiting", "running"].includes(verifying?.state) ? `Repeating ${verifying.done} of ${verifying.total}…` : "Verify: repeat every step"}</button></div>
        ${verifying && (verifying.lines?.length > 0 || verifying.error) && html`<div class="lines" role="status">${verifying.error || verifying.lines.join("\n")}</div>`}</section>
    </aside></div>`;
}

/** The paper of the page, "light" or "dark", as it changes. */
function usePaper() {
  const now = () => document.documentElement.dataset.theme ?? "light";
  const [paper, setPaper] = useState(now());
  useEffect(() => {
    const watcher = new MutationObserver(() => setPaper(now()));
    watcher.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => watcher.disconnect();
  }, []);
  return paper;
}

/** @param {{of: any}} props */
function Openings({ of }) {
  if (!of.sealed_rows) return html`<p><b>No seal:</b> no row was put aside when the study began.</p>`;
  if (!of.openings.length) return html`<p><b>Sealed, never opened:</b> ${counted(of.sealed_rows, "row")}.</p>`;
  return of.openings.map((/** @type {any} */ one) => html`<p><b>Seal opened</b> ${one.at.slice(0, 16).replace("T", " ")} UTC by ${one.who} for ${one.verb}, “${one.reason}”.${one.shown ? (one.independent ? "" : " Not independent: the rows had been looked at.") : " Nothing was shown: the step did not end."}</p>`);
}
