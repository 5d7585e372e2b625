// @ts-check
/** To be written. */
import { html } from "../vendor/preact-htm.js";

export function CardsPanel() { return html`<section class="column"><div class="bar"><h2>CardsPanel</h2></div></section>`; }
