// @ts-check
/** To be written. */
import { html } from "../vendor/preact-htm.js";

export function BesidePanel() { return html`<section class="column"><div class="bar"><h2>BesidePanel</h2></div></section>`; }
