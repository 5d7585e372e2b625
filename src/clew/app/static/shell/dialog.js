// @ts-check
/** Dialogs: real ones of the browser, so that focus stays in them and Esc closes them. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";

/** @typedef {{id: number, title: string, body: (close: () => void) => any, wide?: boolean}} Open */
/** @type {Open[]} */
let open = [];
let last = 0;
let redraw = () => {};

/**
 * Open a dialog; ``body`` is called to draw it and is handed what closes it.
 * @param {string} title
 * @param {(close: () => void) => any} body
 * @param {{wide?: boolean}} [how]
 */
export function openDialog(title, body, how = {}) {
  last += 1;
  const id = last;
  open = [...open, { id, title, body, ...how }];
  redraw();
  return () => closeDialog(id);
}

/** @param {number} id */
function closeDialog(id) { open = open.filter((one) => one.id !== id); redraw(); }

/** All that is open; stands once, in the shell. */
export function Dialogs() {
  const [, setCount] = useState(0);
  redraw = () => setCount((n) => n + 1);
  return open.map((one) => html`<${Dialog} key=${one.id} one=${one} />`);
}

/** @param {{one: Open}} props */
function Dialog({ one }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    const here = box.current;
    here?.showModal();
    /** @type {HTMLElement | null | undefined} */ (here?.querySelector("[autofocus]"))?.focus();
    return () => { here?.close(); before?.focus?.(); }; // as long as it is open, nothing outside can have the focus
  }, []);
  const close = () => closeDialog(one.id);
  const name = `dialog-${one.id}`;
  return html`<dialog ref=${box} class=${one.wide ? "wide" : ""} aria-labelledby=${name} onClose=${close}
      onClick=${(/** @type {any} */ event) => event.target === box.current && close()}>
    <div class="dialog"><div class="bar"><h2 id=${name}>${one.title}</h2>
      <div class="right"><button class="button quiet" onClick=${close}>Close</button></div></div>${one.body(close)}</div></dialog>`;
}
