// @ts-check
/** To be written. */
import { html } from "../vendor/preact-htm.js";

export function SortView() { return html`<section class="column"><div class="bar"><h2>SortView</h2></div></section>`; }
