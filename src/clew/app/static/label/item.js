// @ts-check
/** One item large, by its kind: an object in its image, a window with its components and spectrogram, the measurements of a row. */
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { Measurements, useRow } from "../beside/measurements.js";
import { pictureOf, version } from "../beside/thumb.js";
import { SpectrogramView, TraceView, useCursor } from "../beside/trace.js";
import { ask } from "../core/socket.js";

/** @typedef {{source: string, width: number, height: number, box: number[], outline: string}} Place */

/** @param {{row: number, name: string, kind: string, height: number}} props  height: px of the place */
export function Large({ row, name, kind, height }) {
  if (kind === "window") return html`<${OfWindow} row=${row} height=${height} />`;
  return kind === "object" ? html`<${OfObject} row=${row} name=${name} height=${height} />` : html`<${OfRow} row=${row} height=${height} />`;
}

/** Components above their spectrogram, one cursor through all. @param {{row: number, height: number}} props */
function OfWindow({ row, height }) {
  const cursor = useCursor(), below = Math.max(80, Math.round(height * 0.26));
  return html`<div class="of-window"><${TraceView} row=${row} height=${Math.max(100, height - below - 20)} cursor=${cursor} />
    <${SpectrogramView} row=${row} height=${below} cursor=${cursor} /></div>`;
}

/** @param {string} source @param {Record<string, number>} [part] */
const pictureIn = (source, part = {}) => `/picture/image?${new URLSearchParams({ source, w: "1024", ...Object.fromEntries(Object.entries(part).map(([key, value]) => [key, String(value)])), v: version() })}`;

/** Preact hook: where an object lies; null until it is known, "" where its image cannot be shown. @param {number} row @returns {Place | null | ""} */
function usePlace(row) {
  const [found, setFound] = useState(/** @type {Place | null | ""} */ (null));
  useEffect(() => {
    let waits = true;
    ask("item.place", { row }).then(({ source, width, height, box, arrays: [points, starts] }) => {
      let outline = "";
      for (let i = 0; i + 1 < starts.length; i += 1) for (let j = starts[i]; j < starts[i + 1]; j += 1) outline += `${j === starts[i] ? "M" : "L"}${points[2 * j]} ${points[2 * j + 1]}${j + 1 === starts[i + 1] ? "Z" : ""}`;
      if (waits) setFound({ source, width, height, box, outline });
    }).catch(() => { if (waits) setFound(""); });
    return () => { waits = false; };
  }, [row]);
  return found;
}

/** The object with its outline, and where it lies in its image. @param {{row: number, name: string, height: number}} props */
function OfObject({ row, name, height }) {
  const place = usePlace(row);
  if (!place) return html`<div class="two"><figure class="close">${place === "" && html`<img src=${pictureOf(row, { size: 300 })} alt=${`object ${name}`} />`}</figure></div>`;
  const [x0, y0, x1, y1] = place.box, side = Math.max(x1 - x0, y1 - y0), tall = Math.max(120, height - 22);
  const close = Math.min(tall, 400), ring = side * 0.75, far = Math.min(close / place.height, 400 / place.width);
  return html`<div class="two"><figure class="close"><svg width=${(close * (x1 - x0)) / side} height=${(close * (y1 - y0)) / side} viewBox=${`${x0} ${y0} ${x1 - x0} ${y1 - y0}`} role="img" aria-label=${`object ${name}, with its outline`}>
      <image href=${pictureIn(place.source, { x0, y0, x1, y1 })} x=${x0} y=${y0} width=${x1 - x0} height=${y1 - y0} preserveAspectRatio="none" />
      <path d=${place.outline} class="casing" /><path d=${place.outline} class="outline" /></svg><figcaption>${side} × ${y1 - y0} px round it</figcaption></figure>
    <figure class="whole"><svg width=${place.width * far} height=${place.height * far} viewBox=${`0 0 ${place.width} ${place.height}`} role="img" aria-label="where it lies in its image">
      <image href=${pictureIn(place.source)} width=${place.width} height=${place.height} preserveAspectRatio="none" />
      <circle cx=${(x0 + x1) / 2} cy=${(y0 + y1) / 2} r=${ring} class="casing" /><circle cx=${(x0 + x1) / 2} cy=${(y0 + y1) / 2} r=${ring} class="ring" /></svg>
      <figcaption>${place.source}, ${place.width} × ${place.height} px</figcaption></figure></div>`;
}

/** What was measured of a row, with its ranks. @param {{row: number, height: number}} props */
function OfRow({ row, height }) {
  const told = useRow(row);
  return html`<div class="of-row beside" style=${`max-height:${height}px`}>${told && html`<${Measurements} told=${told} />`}</div>`;
}
