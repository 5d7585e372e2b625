// @ts-check
import { html } from "../vendor/preact-htm.js";
/** @param {{verb: string, preset: Record<string, any>, close: () => void}} props */
export function VerbForm({ verb }) { return html`<div class="inset">${verb}</div>`; }
