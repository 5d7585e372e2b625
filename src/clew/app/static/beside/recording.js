// @ts-check
/** The recording of a window with what lies round it; a click on a marked window selects it. */
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { SpectrogramView, spelled, TraceView, useCursor, useStretch } from "./trace.js";
import { useWidth } from "./light.js";

const WIDER = [1, 3, 9, 27, 81]; // windows across

/** @param {{row: number, window: number}} props  window: how long one is, in s */
export function RecordingView({ row, window }) {
  const [wide, setWide] = useState(1), [shift, setShift] = useState(0);
  const cursor = useCursor(), [place, width] = useWidth();
  const across = WIDER[wide], lasts = across * window, start = -((across - 1) / 2) * window + shift * lasts;
  useEffect(() => { setShift(0); }, [row]);
  const { stretch } = useStretch({ row, start, lasts }, Math.max(0, width - 44));
  /** @param {KeyboardEvent} event */
  const keys = (event) => {
    if (event.key === "ArrowRight") setShift(shift + 0.25);
    else if (event.key === "ArrowLeft") setShift(shift - 0.25);
    else if (event.key === "+" || event.key === "=") setWide(Math.max(0, wide - 1));
    else if (event.key === "-") setWide(Math.min(WIDER.length - 1, wide + 1));
    else if (event.key === "0") { setWide(1); setShift(0); } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const tall = Math.max(96, 44 + 46 * (stretch?.meta.components.length ?? 1));
  return html`<div class="recording" ref=${place} tabindex="0" role="group" aria-label="Recording; Left and Right move, plus and minus zoom" onKeyDown=${keys}>
    <${TraceView} row=${row} start=${start} lasts=${lasts} height=${tall} marks clock cursor=${cursor} />
    <${SpectrogramView} row=${row} start=${start} lasts=${lasts} height=${84} clock cursor=${cursor} />
    <div class="under"><span class="mono" title=${stretch?.meta.recording}>${stretch?.meta.recording ?? ""}</span><span class="pages">
      <button class="button quiet" aria-label="Earlier" title="Earlier (Left)" onClick=${() => setShift(shift - 0.5)}>‹</button><button class="button quiet" aria-label="Zoom out" title="More of it (-)" disabled=${wide === WIDER.length - 1} onClick=${() => setWide(wide + 1)}>−</button><button class="button quiet" aria-label="Zoom in" title="Less of it (+)" disabled=${wide === 0} onClick=${() => setWide(wide - 1)}>+</button><button class="button quiet" aria-label="Later" title="Later (Right)" onClick=${() => setShift(shift + 0.5)}>›</button></span></div>
    ${stretch ? html`<p class="small quiet">From ${spelled(stretch.meta.start, stretch.meta.dated)}, ${Number(stretch.meta.lasts.toFixed(2))} s, ${stretch.meta.rate} Hz; ${stretch.meta.how}${stretch.meta.unit ? `; ${stretch.meta.unit}` : ""}${stretch.meta.sealed ? `; ${stretch.meta.sealed} sealed left blank` : ""}</p>` : null}</div>`;
}
