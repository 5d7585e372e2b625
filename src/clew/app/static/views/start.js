// @ts-check
/** To be written. */
import { html } from "../vendor/preact-htm.js";

export function StartView() { return html`<section class="column"><div class="bar"><h2>StartView</h2></div></section>`; }
