// @ts-check
/** A knot on the thread, with the piece of thread that passes it. */
import { html } from "../vendor/preact-htm.js";

const X = 24, Y = 13;

/** @param {{kind: "done"|"now"|"fork"|"loose"|"running"|"failed", first?: boolean, aside?: boolean, share?: number}} props */
export function Knot({ kind, first = false, aside = false, share = 0 }) {
  const x = aside ? 44 : X;
  const line = html`<line class="line" x1=${X} x2=${X} y1=${first ? Y : 0} y2=${kind === "loose" ? Y : "100%"} />`;
  const turn = 2 * Math.PI * 3;
  return html`<svg aria-hidden="true">${line}
    ${kind === "loose" && html`<line class="line" x1=${X} x2=${X} y1=${Y} y2="100%" stroke-dasharray="4 4" />`}
    ${aside && html`<path class="fork" d=${`M${X + 1} 0C${X + 1} 9 ${X + 5} ${Y} ${X + 14} ${Y}`} />`}
    ${kind === "running"
    ? html`<circle class="knot running" cx=${x} cy=${Y} r="6.5" /><circle class="arc" cx=${x} cy=${Y} r="3" stroke-dasharray=${`${share * turn} 100`} transform=${`rotate(-90 ${x} ${Y})`} />`
    : html`<circle class=${`knot ${kind === "done" ? "" : kind === "fork" ? "open" : kind}`} cx=${x} cy=${Y} r=${kind === "now" ? 8 : kind === "fork" || kind === "failed" ? 5.5 : 6.5} />`}</svg>`;
}
