// @ts-check
/** Paint: tools, the canvas with its bar, and what the forest makes of the strokes. */
import { html, useEffect, useRef } from "../vendor/preact-htm.js";
import { useKeys } from "../core/keys.js";
import { Empty } from "../core/parts.js";
import { count, number } from "../core/words.js";
import { gradient, PUSHES, UNSURE } from "./layers.js";
import { Painter } from "./painter.js";
import { PaintSide } from "./paint_side.js";
import { attach, change, enter, explain, look, moved, overlaid, paint, PALETTE, room, saveModel, SIZES, times, toSpot, turn, undo, useRoom } from "./paint_room.js";

/** @type {Painter | null} */
let painter = null;

/** @type {[string, string, "brush" | "eraser" | "pan", string][]} key, name, tool, drawing */
const TOOLS = [
  ["B", "Brush", "brush", "M13.5 2.5L7 9M7 9c-1.8-.4-3 .8-3.2 2.4-.1 1-.8 1.5-1.6 1.7 2.6 1.2 5.6.2 6.2-2.2C8.600 10 7.800 9.200 7 9z"],
  ["E", "Eraser", "eraser", "M9.500 2.500l4 4-6.500 6.500H4.500L2.500 11zM6 6l4 4M7 13h6"],
  ["H", "Move the image", "pan", "M8 1.500v13M1.500 8h13M8 1.500L6.200 3.300M8 1.500l1.800 1.800M8 14.500l-1.800-1.800M8 14.500l1.800-1.800M1.500 8l1.800-1.800M1.500 8l1.800 1.800M14.500 8l-1.800-1.800M14.500 8l-1.800 1.800"],
];

/** @param {"brush" | "eraser" | "pan"} tool */
function take(tool) { change({ tool }); if (painter) { painter.tool = tool; painter._cursor(); painter.draw(); } }
/** @param {number} size */
function brush(size) { change({ size }); if (painter) { painter.radius = size / 2; painter.draw(); } }
/** @param {number} n */
export function choose(n) {
  if (!room.classes.some((one) => one.number === n)) return false;
  change({ class: n, reasons: null });
  if (painter) { painter.class = n; painter.draw(); }
  if (room.tool !== "brush") take("brush");
  void explain();
  return true;
}
/** @param {number} way */
function resize(way) { brush(SIZES[Math.max(0, Math.min(SIZES.length - 1, SIZES.indexOf(room.size) + way))]); }
const OVERLAYS = /** @type {const} */ (["none", "classes", "probability", "shap"]);

export function PaintView() {
  const now = useRoom();
  useEffect(() => { void enter(); }, []);
  useKeys({
    ...Object.fromEntries(Array.from({ length: 9 }, (_, i) => [String(i + 1), () => choose(i + 1)])),
    "[": () => resize(-1), "]": () => resize(1), b: () => take("brush"), e: () => take("eraser"), h: () => take("pan"),
    v: () => overlaid({ beside: !room.beside }), o: () => overlaid({ overlay: OVERLAYS[(OVERLAYS.indexOf(room.overlay) + 1) % 4] }),
    g: () => void toSpot(), u: () => void undo(), "mod+z": () => void undo(), "mod+s": () => void saveModel(),
    "+": () => painter?.zoom(1.25), "=": () => painter?.zoom(1.25), "-": () => painter?.zoom(0.8), 0: () => painter?.fit(),
  }, { where: "paint" });
  if (!now.images.length) {
    return html`<div class="paint"><${Empty}><b>There is no image to paint on.</b> ${now.sealed ? `All ${count(now.sealed)} images of this study are sealed: painting begins where there are open rows.` : "Painting needs a study of images: drop some on the start page, or run clew new on a folder of them."}<//></div>`;
  }
  return html`<div class="paint"><${Tools} /><${Middle} /><${PaintSide} choose=${choose} /></div>`;
}

function Tools() {
  const now = useRoom();
  return html`<div class="paint-tools" role="toolbar" aria-label="Tools" aria-orientation="vertical">
    ${TOOLS.map(([key, name, tool, path]) => html`<button class="paint-tool" title="${name} (${key})" aria-label=${name} aria-pressed=${now.tool === tool} onClick=${() => take(tool)}>
      <svg viewBox="0 0 16 16" aria-hidden="true"><path d=${path} /></svg><span>${key}</span></button>`)}
    <hr />
    ${SIZES.map((size) => html`<button class="paint-tool" title="Brush ${size} px wide ([ and ])" aria-label="Brush ${size} px wide" aria-pressed=${now.size === size} onClick=${() => brush(size)}>
      <svg viewBox="-15 -15 30 30" aria-hidden="true" class="dot" style="height:${Math.max(10, size + 4)}px"><circle r=${Math.max(1.5, size / 2) * (30 / Math.max(10, size + 4))} /></svg><span>${size}</span></button>`)}
    <hr />
    <button class="paint-tool" title="Take the last stroke back (U)" aria-label="Take the last stroke back" onClick=${() => void undo()}>
      <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M5.500 2.500L2.500 5.500l3 3M2.500 5.500h7a4 4 0 0 1 0 8H6" /></svg><span>U</span></button>
  </div>`;
}

function Middle() {
  const now = useRoom();
  const place = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  useEffect(() => {
    if (!place.current) return undefined;
    painter = new Painter(place.current, { stroke: paint, moved, at: (at) => change({ at }) }, PALETTE);
    Object.assign(painter, { tool: room.tool, class: room.class, radius: room.size / 2, overlay: room.overlay, beside: room.beside });
    attach(painter);
    return () => { painter?.close(); painter = null; attach(null); };
  }, []);
  const named = now.classes.find((one) => one.number === now.class)?.name ?? "";
  return html`<section class="column paint-middle" aria-label="Canvas">
    <div class="bar"><h2 class="paint-name" title=${now.image}>${now.image}</h2><${Channels} />
      <span class="right"><span class="paint-choice" role="group" aria-label="Overlay">
        ${OVERLAYS.map((one) => html`<button class="button" aria-pressed=${now.overlay === one} title="Overlay (O)" onClick=${() => overlaid({ overlay: one })}>${{ none: "None", classes: "Classes", probability: "Probability", shap: "SHAP" }[one]}</button>`)}</span>
        <button class="button" aria-pressed=${now.beside} title="Uncertainty beside (V)" onClick=${() => overlaid({ beside: !now.beside })}>Uncertainty beside</button></span></div>
    <${Planes} />
    <div class="paint-canvas"><canvas ref=${place} tabindex="0" role="application" data-strokes=${times.strokes}
      aria-label="Image ${now.image}, painted with class ${now.class}, ${named}. Arrows move the brush, Shift for 10 px; Enter sets it down and lifts it; Escape lets the stroke go."></canvas>
      ${!now.info ? html`<p class="paint-over">${now.notice ? `${now.image} cannot be painted on. ${now.notice} ${now.images.length > 1 ? "Choose another image at the right." : ""}` : `Opening ${now.image}.`}</p>` : now.measuring ? html`<p class="paint-over">${now.measuring}.</p>` : null}
      ${now.info && now.why && !now.measuring ? html`<p class="paint-over">${now.totals?.total ? now.why : html`<b>Nothing is painted yet.</b> Draw a stroke on ${now.classes[0]?.name}, press <kbd>2</kbd>, and draw one on ${now.classes[1]?.name}: the forest answers at once.`}</p>` : null}
    </div><${Below} /></section>`;
}

/** Channels on or off, and the contrast of one. */
function Channels() {
  const now = useRoom();
  if (!now.info) return null;
  const one = now.looks[now.channel], span = one.most - one.least || 1, highest = Math.log1p(Math.max(...one.counts, 1));
  const step = Number.isInteger(one.least) && Number.isInteger(one.most) ? 1 : span / 500;
  const shape = one.counts.map((/** @type {number} */ n, /** @type {number} */ i) => `L${i} ${16 - (15 * Math.log1p(n)) / highest}`).join("");
  /** @param {"low" | "high"} end @param {number} value */
  const pull = (end, value) => look(now.channel, { [end]: end === "low" ? Math.min(value, one.high - step) : Math.max(value, one.low + step) });
  return html`${now.looks.length > 1 && now.looks.map((channel, i) => html`<label class="paint-channel"><input type="checkbox" checked=${channel.on} style="accent-color:rgb(${channel.colour.join(" ")})"
      onChange=${() => look(i, { on: !channel.on })} /><button class="link-quiet" aria-pressed=${i === now.channel} title="Contrast of ${now.info.channels[i]}" onClick=${() => change({ channel: i })}>${now.info.channels[i]}</button></label>`)}
    <span class="paint-contrast" title="Contrast of ${now.info.channels[now.channel]}: ${number(one.low)} to ${number(one.high)}">
      <svg viewBox="0 0 64 16" preserveAspectRatio="none" aria-hidden="true"><path d="M0 16${shape}L64 16Z" /></svg>
      ${/** @type {("low" | "high")[]} */ (["low", "high"]).map((end) => html`<input type="range" aria-label="${end === "low" ? "Black" : "White"} of ${now.info.channels[now.channel]}" min=${one.least} max=${one.most} step=${step} value=${one[end]}
        onInput=${(/** @type {any} */ event) => pull(end, Number(event.target.value))} />`)}
      </span>`;
}

/** Depth and time of a stack. */
function Planes() {
  const now = useRoom();
  const [times, , depth] = now.info?.shape ?? [1, 1, 1];
  if (times * depth === 1) return null;
  /** @param {string} name @param {number} n @param {number} value @param {(value: number) => void} to */
  const slider = (name, n, value, to) => n > 1 && html`<label>${name} <input type="range" min="0" max=${n - 1} value=${value} onInput=${(/** @type {any} */ event) => to(Number(event.target.value))} /> <span>${value + 1} of ${n}</span></label>`;
  return html`<div class="paint-planes">${slider("Depth", depth, now.z, (z) => void turn(now.t, z))}${slider("Time", times, now.t, (t) => void turn(t, now.z))}</div>`;
}

/** What is under the cursor, and what the colours mean. */
function Below() {
  const now = useRoom();
  const [, , , height, width] = now.info?.shape ?? [0, 0, 0, 0, 0];
  const at = now.at && now.at[0] >= 0 && now.at[1] >= 0 && now.at[0] < height && now.at[1] < width ? now.at.map(Math.floor) : null;
  const said = at && now.live ? painter?.said(at[0], at[1]) : null;
  const name = (/** @type {number} */ n) => now.classes.find((one) => one.number === n)?.name ?? String(n);
  const signed = now.overlay === "shap" && !now.beside && now.reasons;
  const ramp = now.beside ? ["uncertainty (entropy)", UNSURE, "0 to 1"] : now.overlay === "probability" ? [`probability of ${name(now.class)}`, UNSURE, "0 to 1"] : signed ? [`SHAP of ${now.reasons.feature}`, PUSHES, `−${now.reasons.most.toFixed(2)} to +${now.reasons.most.toFixed(2)}`] : null;
  return html`<div class="paint-below"><span>${width} × ${height} px, ${Math.round(100 * now.zoom)} %</span>
    ${at && html`<span>x ${at[1]}, y ${at[0]}</span>`}
    ${said?.class ? html`<span>${said.shares.length ? said.shares.map(([n, share], i) => html`${i ? ", " : ""}${i ? `${name(n)} ${share.toFixed(2)}` : html`<b>${name(n)} ${share.toFixed(2)}</b>`}`) : html`<b>${name(said.class)}</b>`}</span>` : null}
    ${ramp && html`<span class="ramp">${ramp[0]} <i style="background:${gradient(/** @type {Uint8Array} */ (ramp[1]))}"></i> ${ramp[2]}</span>`}</div>`;
}
