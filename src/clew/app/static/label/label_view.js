// @ts-check
/** To be written. */
import { html } from "../vendor/preact-htm.js";

export function LabelView() { return html`<section class="column"><div class="bar"><h2>LabelView</h2></div></section>`; }
