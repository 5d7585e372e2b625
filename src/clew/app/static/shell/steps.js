// @ts-check
/** Going back to a step: a look is shown again, read only; of others, what stands on record. */
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { ask } from "../core/socket.js";
import { say, set, state } from "../core/state.js";
import { openDialog } from "./dialog.js";
import { openForm } from "./form.js";
import { exactly, lasting } from "./words.js";

/** @param {any} item  of the thread */
export function visit(item) {
  if (item.look) {
    const latest = state.about.study.looks.at(-1)?.step === item.id;
    set({ view: state.view === "start" ? "explore" : state.view, step: latest ? null : item.id, run: 0 });
    say(`Look ${item.look}: ${item.detail || item.title}`);
    if (["explore", "validate", "sort", "label"].includes(state.view)) return;
    set({ view: "explore" });
    return;
  }
  openDialog(item.title, () => html`<${Recorded} id=${item.id} />`);
}

/** What stands on record of a step. @param {{id: number}} props */
function Recorded({ id }) {
  const [told, setTold] = useState(/** @type {any} */ (null)), [error, setError] = useState("");
  useEffect(() => { ask("thread.step", { step: id }).then(setTold, (why) => setError(why.message)); }, [id]);
  if (error) return html`<div class="scroll"><div class="notice" role="alert">${error}</div></div>`;
  if (!told) return html`<div class="scroll quiet">Reading the record.</div>`;
  const settings = Object.entries(told.settings);
  return html`<div class="scroll recorded"><p class="finding">${told.headline}</p>
    <table><tbody>
      <tr><th>Step</th><td>${told.id}, ${told.verb}; it saw ${told.sees} rows</td></tr>
      <tr><th>When</th><td>${exactly(told.at)}, in ${lasting(told.seconds)}</td></tr>
      ${settings.length > 0 && html`<tr><th>Settings</th><td>${settings.map(([name, value]) => html`<div><code>${name}</code> ${String(value)}</div>`)}</td></tr>`}
      <tr><th>sha256</th><td class="mono">${told.digest}</td></tr>
      <tr><th>Made with</th><td>${Object.entries(told.versions).map(([name, value]) => `${name} ${value}`).join(", ")}</td></tr>
    </tbody></table></div>
    ${told.again && html`<div class="foot"><code>${told.again}</code><div class="right"><button class="button" onClick=${() => openForm(told.verb, told.settings)}>Run it again with other settings</button></div></div>`}`;
}
