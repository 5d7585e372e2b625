// @ts-check
/** A right column that becomes a sheet on narrow pages (below 1100 px), opened by its title. */
import { html, useState } from "../vendor/preact-htm.js";
import { useKeys } from "./keys.js";

/** @param {{title: string, name?: string, children?: any}} props */
export function Sheet({ title, name = "", children }) {
  const [open, setOpen] = useState(false);
  useKeys({ Escape: () => (open ? setOpen(false) : false) });
  return html`<aside class=${`sheet ${name}`} data-open=${open ? "yes" : "no"} aria-label=${title}>
    <button class="sheet-tab" aria-expanded=${open ? "true" : "false"} onClick=${() => setOpen(!open)}>${title}</button>
    <div class="sheet-body">${children}</div></aside>`;
}
