// @ts-check
/** To be written. */
import { html } from "../vendor/preact-htm.js";

export function MapPanel() { return html`<section class="column"><div class="bar"><h2>MapPanel</h2></div></section>`; }
