// @ts-check
/** To be written. */
import { html } from "../vendor/preact-htm.js";

export function ReportView() { return html`<section class="column"><div class="bar"><h2>ReportView</h2></div></section>`; }
