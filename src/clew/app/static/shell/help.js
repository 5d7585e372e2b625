// @ts-check
/** All keys, and the switch for single ones. */
import { html, useState } from "../vendor/preact-htm.js";
import { setSingleKeys, singleKeys } from "../core/keys.js";
import { openDialog } from "./dialog.js";

/** @type {[string, [string, string][]][]} */
const KEYS = [
  ["Everywhere", [["Ctrl K", "go to or run"], ["?", "these keys"], [".", "next step"], ["G, then E P K D S L V R", "views"], ["Ctrl Z or U", "undo"], ["Esc", "let go"], ["F6", "next column"]]],
  ["Explore", [["L", "lasso"], ["R", "rectangle"], ["/", "select by rule"], ["H", "pan"], ["+ −", "zoom"], ["0", "all"], ["Shift ← →", "run"], ["P", "play the runs"], ["D", "decoded pictures, of a look at an autoencoder"], ["arrows on the map", "nearest point"], ["Enter", "pin"], ["N", "name the selection"]]],
  ["Paint", [["1 to 9", "class"], ["[ ]", "size"], ["B", "brush"], ["E", "eraser"], ["H or Space", "pan"], ["V", "wipe"], ["O", "overlay"], ["G", "most uncertain spot"], ["Ctrl S", "save as model"]]],
  ["Picks", [["← →", "pick before and after"], ["N", "the one of which there is most to learn; with Shift back"], ["Enter", "confirm"], ["Delete", "reject, or delete"], ["P S", "put one at the cursor"], ["Alt ← →, or H L", "one sample; with Shift ten"], ["+ −", "zoom"], ["0", "all"], ["Shift ← →", "half a picture on"], ["[ ]", "recording"], ["B", "filter"], ["U", "undo"]]],
  ["Denoise", [["← →", "the line between before and after"], ["Space", "before or after, whole"], ["+ −", "zoom"], ["0", "all"]]],
  ["Label and Sort", [["1 to 9", "label and go on"], ["0", "cannot tell"], ["S", "skip"], ["U", "undo"], ["← →", "look before and after"], ["Space", "listen"]]],
];

export function openHelp() { openDialog("Keys", () => html`<${Keys} />`, { wide: true }); }

function Keys() {
  const [single, setSingle] = useState(singleKeys());
  return html`<div class="scroll keys-dialog">${KEYS.map(([where, keys]) => html`<section><h2>${where}</h2><dl>${keys.map(([key, does]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${does}</dd></div>`)}</dl></section>`)}</div>
    <div class="foot"><label><input type="checkbox" checked=${single} autofocus onChange=${(/** @type {any} */ event) => { setSingleKeys(event.target.checked); setSingle(event.target.checked); }} /> Single keys act (never while you type)</label></div>`;
}
