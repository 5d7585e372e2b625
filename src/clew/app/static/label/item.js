// @ts-check
/** One item large, by its kind: an object in its image, a window with its components and spectrogram, the measurements of a row. */
import { html } from "../vendor/preact-htm.js";
import { pictureOf } from "../beside/thumb.js";
import { SpectrogramView, TraceView, useCursor } from "../beside/trace.js";

/** @param {{row: number, name: string, kind: string, height: number}} props  height: px of the place */
export function Large({ row, name, kind, height }) {
  if (kind === "window") return html`<${Window} row=${row} height=${height} />`;
  return html`<div class="two"><img class="crop" src=${pictureOf(row, { size: 400 })} alt=${`${kind} ${name}`} /></div>`;
}

/** Components above their spectrogram, one cursor through all. @param {{row: number, height: number}} props */
function Window({ row, height }) {
  const cursor = useCursor();
  const below = Math.max(90, Math.round(height * 0.27));
  return html`<div class="of-window"><${TraceView} row=${row} height=${Math.max(120, height - below - 36)} cursor=${cursor} />
    <${SpectrogramView} row=${row} height=${below} cursor=${cursor} /></div>`;
}
