// @ts-check
/** To be written. */
import { html } from "../vendor/preact-htm.js";

export function PaintView() { return html`<section class="column"><div class="bar"><h2>PaintView</h2></div></section>`; }
