// @ts-check
/** Small parts that every view uses. */
import { html } from "../vendor/preact-htm.js";

/** A notice: bold first clause, then the rest and one way out. @param {{bold: string, children?: any, alert?: boolean}} props */
export function Notice({ bold, children, alert = false }) {
  return html`<div class="notice" role=${alert ? "alert" : "note"}><b>${bold}</b> ${children}</div>`;
}

/** What will stand here, and the one act that fills it. @param {{children?: any}} props */
export function Empty({ children }) { return html`<div class="empty">${children}</div>`; }
