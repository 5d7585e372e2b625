// @ts-check
/** What the server says, set by the page: sentences in pieces, answers that are asked for again when the record changes. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { ask, on } from "../core/socket.js";
import { Sign } from "../core/marks.js";

/** @typedef {[kind: string, text: string]} Piece */

/**
 * A sentence in pieces; a group's marker stands before its name.
 * @param {{pieces: Piece[], signs?: Record<string, number>}} props
 */
export function Said({ pieces, signs = {} }) {
  return pieces.map(([kind, text]) => {
    if (kind === "strong") return html`<b>${text}</b>`;
    if (kind === "feature") return html`<b class="feature">${text}</b>`;
    if (kind === "code") return html`<code>${text}</code>`;
    if (kind === "group") return html`<span class="who">${text in signs && html`<${Sign} n=${signs[text]} /> `}${text}</span>`;
    return text;
  });
}

/**
 * Preact hook: the answer to a request, asked again when ``inputs`` or the record change; the last one stays until then.
 * @param {string} name @param {Record<string, any>} given @param {any[]} inputs
 * @returns {{answer: any, refused: string, asking: boolean}}
 */
export function useAsked(name, given, inputs) {
  const [state, setState] = useState(/** @type {{answer: any, refused: string, asking: boolean}} */ ({ answer: null, refused: "", asking: true }));
  const now = useRef(0);
  const fetched = () => {
    now.current += 1;
    const number = now.current;
    ask(name, given).then(
      (answer) => { if (number === now.current) setState({ answer, refused: "", asking: false }); },
      (why) => { if (number === now.current && why.kind !== "Offline") setState({ answer: null, refused: why.message, asking: false }); },
    );
  };
  useEffect(() => {
    fetched();
    const ends = [on("open", fetched), on("changed", ({ what }) => { if (what === "record") fetched(); })];
    return () => { now.current += 1; for (const end of ends) end(); };
  }, inputs);
  return state;
}

/** A figure with two digits, a true minus, and no minus before nothing. @param {number} x */
export function two(x) { return (Math.abs(x) < 0.005 ? 0 : x).toFixed(2).replace("-", "−"); }

/** Remarks, one paragraph each, behind one line where there are any. @param {{title: string, remarks: any[], open?: boolean}} props */
export function More({ title, remarks, open = false }) {
  if (!remarks.length) return null;
  return html`<details class="more" open=${open}><summary>${title}</summary>${remarks.map((one) => html`<p>${one}</p>`)}</details>`;
}
