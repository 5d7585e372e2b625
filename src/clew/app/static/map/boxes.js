// @ts-check
/** The two lines for typing over the map: a rule that selects, and a name for what is selected. */
import { html, useLayoutEffect, useRef, useState } from "../vendor/preact-htm.js";
import { ask } from "../core/socket.js";
import { classes } from "../core/labels.js";
import { give, giveSelection } from "../core/outbox.js";
import { say, state, use } from "../core/state.js";
import { counted } from "../core/words.js";
import { select } from "./select.js";
import { setMap, useMap } from "./store.js";

const AT_ONCE = 2000; // names of samples that go up; of more the server looks them up itself

/** @param {{label: string, hint: string, act: string, list?: string[], value?: string, onGive: (text: string) => Promise<any>}} props */
function Line({ label, hint, act, list = [], value = "", onGive }) {
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const [refusal, setRefusal] = useState("");
  useLayoutEffect(() => {
    const input = field.current;
    if (input) { input.value = value; input.focus(); input.select(); }
  }, []);
  const close = () => { setMap({ box: "" }); document.querySelector(/** @type {any} */ (".map .board"))?.focus(); };
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    try { await onGive(field.current?.value.trim() ?? ""); close(); } catch (why) { setRefusal(/** @type {Error} */ (why).message); }
  };
  return html`<form class="line" onSubmit=${submit} onKeyDown=${(/** @type {KeyboardEvent} */ event) => { if (event.key === "Escape") { event.preventDefault(); close(); } }}>
    <label><span>${label}</span><input ref=${field} type="text" placeholder=${hint} maxlength="2000" spellcheck=${false} autocomplete="off" list=${list.length ? "map-names" : null} aria-describedby="map-refusal" /></label>
    <datalist id="map-names">${list.map((one) => html`<option value=${one} />`)}</datalist>
    <button class="button primary">${act}</button><button type="button" class="button quiet" onClick=${close}>Close</button>
    <p id="map-refusal" role="alert">${refusal}</p></form>`;
}

let lastRule = "";

/** What is open for typing, if anything. */
export function Boxes() {
  const box = useMap((map) => map.box), selection = use((s) => s.selection);
  if (box === "rule") {
    return html`<${Line} key="rule" label="Rule" act="Select" value=${lastRule} hint="area > 100 and group == 1"
      onGive=${(/** @type {string} */ rule) => { lastRule = rule; return select({ kind: "rule", rule }); }} />`;
  }
  if (box === "name") {
    return html`<${Line} key="name" label=${`Name ${selection.n === 1 ? "this row" : `these ${counted(selection.n, "row")}`}`} act="Name" hint="such as round"
      list=${classes().map((one) => one.name)} onGive=${name} />`;
  }
  return null;
}

/** Give the selected rows a label. @param {string} label */
async function name(label) {
  if (!label) throw new Error("A name must have at least one letter.");
  const { id, n } = state.selection;
  if (!id) throw new Error("Nothing is selected any more. Draw round some points, or select by rule."); // the server takes 0 for all rows
  const sent = n > AT_ONCE ? giveSelection(id, label) : give((await ask("selection.names", { selection: id })).samples, label);
  void sent.then(() => say(`${counted(n, "row")} named ${label}`)); // said when it is saved; a refusal stands among the notices
}

/** Open the line for a name, if anything is selected. */
export function openName() {
  if (state.selection.n) setMap({ box: "name" });
  else say("Nothing is selected. Draw round some points, or select by rule.");
}
