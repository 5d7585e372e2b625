// @ts-check
/** To be written. */
import { html } from "../vendor/preact-htm.js";

export function ValidateView() { return html`<section class="column"><div class="bar"><h2>ValidateView</h2></div></section>`; }
