// @ts-check
/** Colours, markers and outlines of groups and classes: colour is never alone. */
import { html } from "../vendor/preact-htm.js";

export const LIGHT = ["#0072B2", "#BF7A00", "#008A64", "#B5568D", "#2F8FCB", "#857400"];
export const DARK = ["#4FA3DB", "#E69F00", "#1FB88B", "#D98FB8", "#8FD0F5", "#F0E442"];
/** On images and in the painter, with a dark casing. */
export const BRIGHT = ["#56B4E9", "#E69F00", "#CC79A7", "#2FCFA0", "#8FD0F5", "#F0E442"];
export const MARKERS = ["disc", "triangle", "square", "diamond", "plus", "cross"];
/** Dash patterns of outlines on images, in px. */
export const DASHES = [[], [3, 2], [1, 2], [5, 2, 1, 2], [8, 1], [7, 4]];
/** Marker paths in a box from -5 to 5. */
export const PATHS = [
  "M-4 0A4 4 0 1 0 4 0A4 4 0 1 0 -4 0Z", "M0 -4.6L4.4 3.6H-4.4Z", "M-3.6 -3.6H3.6V3.6H-3.6Z", "M0 -5L4.4 0L0 5L-4.4 0Z",
  "M-1.4 -4.6H1.4V-1.4H4.6V1.4H1.4V4.6H-1.4V1.4H-4.6V-1.4H-1.4Z",
  "M-4.2 -2.4L-2.4 -4.2L0 -1.8L2.4 -4.2L4.2 -2.4L1.8 0L4.2 2.4L2.4 4.2L0 1.8L-2.4 4.2L-4.2 2.4L-1.8 0Z",
];

/** Whether the page is dark now. */
export function dark() { return document.documentElement.dataset.theme === "dark"; }

/** The colour of group or class ``n``; grey for none (below 0). @param {number} n */
export function colour(n) { return n < 0 ? (dark() ? "#92959B" : "#8C887E") : (dark() ? DARK : LIGHT)[n % 6]; }

/** The marker of group or class ``n`` as a small picture beside its name; beyond six, with its number. @param {{n: number}} props */
export function Sign({ n }) {
  const fill = n < 0 ? "var(--rule2)" : `var(--c${n % 6})`;
  return html`<svg class="sign" viewBox="-5.5 -5.5 11 11" aria-hidden="true"><path d=${PATHS[n < 0 ? 0 : n % 6]} fill=${fill} /></svg>${n >= 6 ? html`<small>${n}</small>` : null}`;
}
