// @ts-check
/** Small pictures of rows, with the marker of the row's group in the corner. */
import { html } from "../vendor/preact-htm.js";
import { on } from "../core/socket.js";
import { Sign } from "../core/marks.js";
import { useTold } from "./rows.js";

let era = 0; // pictures are fetched again when the record has changed, and with each load of the page
on("changed", (data) => { if (data.what === "record") era += 1; });

/** What tells pictures of now from those the browser keeps. */
export function version() { return `${Math.round(performance.timeOrigin)}.${era}`; }

/**
 * The address of the picture of a row.
 * @param {number} row
 * @param {{size?: number, width?: number}} [how]  height and width in px of the screen; square by default
 */
export function pictureOf(row, { size = 44, width = size } = {}) {
  const dots = Math.min(3, Math.max(1, Math.ceil(devicePixelRatio)));
  return `/picture/row/${row}?size=${Math.min(512, Math.round(size * dots))}&width=${Math.min(1024, Math.round(width * dots))}&v=${version()}`;
}

/**
 * The picture of a row; what it is called is its text.
 * @param {{row: number, size?: number, width?: number, sign?: boolean}} props  size: height in px
 */
export function Thumb({ row, size = 44, width = size, sign = true }) {
  const told = useTold(row);
  const name = told ? told.words : `row ${row + 1}`;
  return html`<span class="thumb" style=${`width:${width}px;height:${size}px`}>
    <img src=${pictureOf(row, { size, width })} width=${width} height=${size} alt=${name} title=${name} draggable=${false} />
    ${sign && told && told.group >= 0 ? html`<span class="corner"><${Sign} n=${told.group} /></span>` : null}</span>`;
}
