// @ts-check
/**
 * Recordings: the components of a window stacked above their spectrogram, with one line of the cursor through all.
 *
 * `TraceView` and `SpectrogramView` of the same row, start and lasts share one request; give both the same cursor.
 */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import uPlot from "../vendor/uplot.js";
import { ask } from "../core/socket.js";
import { set, state, use } from "../core/state.js";
import { colour, PATHS } from "../core/marks.js";
import { Notice } from "../core/parts.js";
import { chooseRows, isSelected } from "./choose.js";
import { token, useDark, useWidth } from "./light.js";
import { version } from "./thumb.js";

/**
 * @typedef {Object} Stretch
 * @property {any} meta                what "beside.trace" tells
 * @property {Float32Array} values     smallest, largest, smallest, ... of each component
 * @property {Int32Array} rows         windows that reach into it
 * @property {Int32Array} groups
 * @property {Float32Array} begins     in s from its start
 * @property {Float32Array} ends
 */
/** @typedef {{row: number, start?: number, lasts?: number}} Piece  start: s behind the start of the window; the window by default */
/** @typedef {{now: {t: number | null, hz: number | null}, set: (t: number | null, hz?: number | null) => void, watch: (listener: () => void) => () => void}} Cursor */

const LEFT = 22, RIGHT = 8; // px beside the trace, for the numbers at the ends of the axis
const MARK = 9; // px above the traces, for windows

/** A line through all views that have it. @returns {Cursor} */
export function makeCursor() {
  /** @type {Set<() => void>} */
  const listeners = new Set();
  /** @type {Cursor} */
  const cursor = {
    now: { t: null, hz: null },
    set(t, hz = null) { if (cursor.now.t === t && cursor.now.hz === hz) return; cursor.now = { t, hz }; for (const tell of [...listeners]) tell(); },
    watch(listener) { listeners.add(listener); return () => { listeners.delete(listener); }; },
  };
  return cursor;
}

/** Preact hook: a cursor of one's own. @returns {Cursor} */
export function useCursor() { const [cursor] = useState(makeCursor); return cursor; }

/** @type {Map<string, Promise<Stretch>>} the last few */
const asked = new Map();

/** @param {Piece} piece @param {number} points @returns {Promise<Stretch>} */
function fetchStretch({ row, start, lasts }, points) {
  const key = [row, start, lasts, points, state.step, version()].join("/");
  const known = asked.get(key);
  if (known) return known;
  const given = { row, points, step: state.step, ...(start === undefined ? {} : { start }), ...(lasts === undefined ? {} : { lasts }) };
  const answer = ask("beside.trace", given).then((told) => {
    const [values, rows, groups, begins, ends] = told.arrays;
    return { meta: told, values, rows, groups, begins, ends };
  });
  answer.catch(() => asked.delete(key));
  asked.set(key, answer);
  if (asked.size > 12) asked.delete([...asked.keys()][0]);
  return answer;
}

/** Preact hook: a stretch, or why there is none. @param {Piece} piece @param {number} width @returns {{stretch: Stretch | null, why: string}} */
export function useStretch(piece, width) {
  const [found, setFound] = useState(/** @type {{stretch: Stretch | null, why: string}} */ ({ stretch: null, why: "" }));
  const step = use((s) => s.step), version = use((s) => s.version), points = Math.max(64, Math.ceil(width / 64) * 64);
  useEffect(() => {
    if (!width) return undefined;
    let waits = true;
    fetchStretch(piece, points).then((stretch) => { if (waits) setFound({ stretch, why: "" }); })
      .catch((error) => { if (waits) setFound((before) => ({ stretch: null, why: error.kind === "Stale" ? before.why : error.message })); });
    return () => { waits = false; };
  }, [piece.row, piece.start, piece.lasts, points, step, version, width === 0]);
  return found;
}

/** "98k", "0.12": the amplitude beside a trace. @param {number} x */
export function amplitude(x) {
  if (!(x > 0)) return "0";
  for (const [size, letter] of /** @type {[number, string][]} */ ([[1e9, "G"], [1e6, "M"], [1e3, "k"]])) if (x >= size) return `${Number((x / size).toPrecision(2))}${letter}`;
  return x < 1e-3 ? x.toExponential(0).replace("-", "−") : String(Number(x.toPrecision(2)));
}

/** "2008-12-28 12:25:01.6 UTC", or "30.0 s" where nothing is dated. @param {number} time @param {boolean} dated */
export function spelled(time, dated) {
  if (!dated) return `${time.toFixed(1)} s`;
  return `${new Date(time * 1000).toISOString().replace("T", " ").slice(0, 21)} UTC`;
}

/** "12:25:01.6", or "66.0 s" where nothing is dated. @param {any} meta @param {number} t */
function moment(meta, t) { return meta.dated ? spelled(meta.start + t, true).slice(11, 21) : spelled(meta.start + t, false); }

/** Largest departure from the middle, of each component. @param {Stretch} stretch @returns {{middle: number, half: number}[]} */
function lanesOf(stretch) {
  const n = stretch.meta.n * 2;
  return stretch.meta.components.map((/** @type {string} */ _, /** @type {number} */ c) => {
    let low = Infinity, high = -Infinity;
    for (let i = c * n; i < (c + 1) * n; i += 1) { const x = stretch.values[i]; if (x < low) low = x; if (x > high) high = x; }
    return high >= low ? { middle: (low + high) / 2, half: (high - low) / 2 } : { middle: 0, half: NaN };
  });
}

/** The rows of uPlot's data: time, then each component in a lane of height 1, the first on top. @param {Stretch} stretch */
function dataOf(stretch) {
  const { n, lasts, components } = stretch.meta, lanes = lanesOf(stretch);
  const x = Float64Array.from({ length: 2 * n }, (_, i) => ((Math.floor(i / 2) + 0.5) / n) * lasts);
  const rows = lanes.map((lane, c) => Array.from({ length: 2 * n }, (_, i) => {
    const value = stretch.values[c * 2 * n + i];
    return Number.isFinite(value) ? components.length - c - 0.5 + (0.44 * (value - lane.middle)) / (lane.half || 1) : null;
  }));
  return /** @type {any} */ ([x, ...rows]);
}

/** Which window lies at a time: the one whose middle is nearest. @param {Stretch} stretch @param {number} t */
function windowAt(stretch, t) {
  let best = -1, least = Infinity;
  stretch.rows.forEach((_, i) => {
    const away = Math.abs((stretch.begins[i] + stretch.ends[i]) / 2 - t);
    if (stretch.begins[i] <= t && t <= stretch.ends[i] && away < least) { best = i; least = away; }
  });
  return best;
}

/** Draw the windows behind the traces: a bar above each in the colour of its group, with its marker; the pinned one as a band. @param {any} plot @param {Stretch} stretch */
function drawWindows(plot, stretch) {
  const { ctx, bbox } = plot, dots = devicePixelRatio, wide = bbox.width / stretch.meta.lasts;
  ctx.save();
  ctx.beginPath(); ctx.rect(bbox.left, 0, bbox.width, bbox.top + bbox.height); ctx.clip();
  stretch.rows.forEach((row, i) => {
    const left = bbox.left + stretch.begins[i] * wide, width = (stretch.ends[i] - stretch.begins[i]) * wide;
    const chosen = isSelected(row), pinned = state.pinned === row;
    if (chosen || pinned) { ctx.fillStyle = token(pinned ? "--thread-soft" : "--sunk"); ctx.fillRect(left, bbox.top, width, bbox.height); }
    ctx.fillStyle = colour(stretch.groups[i]);
    ctx.globalAlpha = chosen || pinned || !state.selection.id ? 1 : 0.4;
    ctx.fillRect(left + dots, bbox.top - 3 * dots, Math.max(dots, width - 2 * dots), (chosen ? 3 : 2) * dots);
    if (width > 24 * dots && stretch.groups[i] >= 0) {
      ctx.save(); ctx.translate(left + width / 2, bbox.top - 6 * dots); ctx.scale(dots * 0.8, dots * 0.8); ctx.fill(new Path2D(PATHS[stretch.groups[i] % 6])); ctx.restore();
    }
    ctx.globalAlpha = 1;
    if (pinned) { ctx.strokeStyle = token("--thread"); ctx.lineWidth = 1.5 * dots; ctx.strokeRect(left, bbox.top, width, bbox.height); }
  });
  ctx.restore();
}

/** @param {Stretch} stretch @param {number} width @param {number} height @param {{marks: boolean, clock: boolean, axis: boolean}} how */
function optionsOf(stretch, width, height, { marks, clock, axis }) {
  const { start, from, components, lasts, dated } = stretch.meta, ink = token("--ink2"), quiet = token("--ink3");
  const said = (/** @type {number} */ t) => clock && dated ? new Date((start + t) * 1000).toISOString().slice(11, lasts < 20 ? 21 : 19) : `${Number((t + (clock ? start : from)).toFixed(3))}`.replace("-", "−");
  return {
    width, height, legend: { show: false }, padding: [marks ? MARK + 3 : 4, RIGHT, axis ? 0 : 4, LEFT],
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false, setScale: false } },
    scales: { x: { time: false, range: [0, lasts] }, y: { range: [0, components.length] } },
    axes: [{ show: axis, stroke: quiet, size: 22, gap: 2, font: `11px ${token("--sans")}`, grid: { show: false }, ticks: { stroke: token("--rule2"), size: 4, width: 1 }, border: { show: true, stroke: token("--rule2"), width: 1 }, space: clock && dated ? 70 : 44,
      values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((t, i) => `${said(t)}${!(clock && dated) && i === 0 ? " s" : ""}`) }, { show: false }],
    series: [{}, ...components.map(() => ({ stroke: ink, width: 0.8, points: { show: false }, spanGaps: false }))],
  };
}

/**
 * The components of a stretch, stacked, with the windows marked; a click on a marked window selects it, Shift adds.
 * @param {Piece & {height?: number, marks?: boolean, clock?: boolean, axis?: boolean, cursor?: Cursor}} props
 */
export function TraceView({ row, start, lasts, height = 220, marks = false, clock = false, axis = true, cursor }) {
  const [place, width] = useWidth();
  const { stretch, why } = useStretch({ row, start, lasts }, width);
  const light = useDark(), pinned = use((s) => s.pinned), selection = use((s) => s.selection);
  const plot = useRef(/** @type {any} */ (null));
  useEffect(() => {
    if (!stretch || !place.current || !width) return undefined;
    const options = /** @type {any} */ (optionsOf(stretch, width, height, { marks, clock, axis }));
    options.hooks = {
      drawClear: [(/** @type {any} */ one) => { if (marks) drawWindows(one, stretch); }],
      setCursor: [(/** @type {any} */ one) => { if (one.cursor.event) cursor?.set(one.cursor.left >= 0 ? one.posToVal(one.cursor.left, "x") : null); }],
    };
    const made = new uPlot(options, dataOf(stretch), place.current);
    plot.current = made;
    const follow = () => { const t = cursor?.now.t ?? null; made.setCursor({ left: t === null ? -10 : made.valToPos(t, "x"), top: t === null ? -10 : 1 }, false); };
    const ends = cursor?.watch(follow);
    const click = (/** @type {MouseEvent} */ event) => {
      const found = marks ? windowAt(stretch, made.posToVal(event.offsetX, "x")) : -1;
      if (found >= 0) { set({ pinned: stretch.rows[found] }); void chooseRows([stretch.rows[found]], event.shiftKey ? "add" : "new", "trace"); }
    };
    made.over.addEventListener("click", click);
    return () => { ends?.(); plot.current = null; made.destroy(); };
  }, [stretch, width, height, light, marks, clock, axis]);
  useEffect(() => { if (marks) plot.current?.redraw(false); }, [pinned, selection]);
  const lanes = stretch ? lanesOf(stretch) : [], tall = height - (axis ? 22 : 4) - (marks ? MARK + 3 : 4);
  return html`<div class="trace">${why ? html`<${Notice} bold="This recording cannot be shown." alert>${why}<//>` : null}
    <div class="lanes" style=${`height:${height}px`} role="img" aria-label=${stretch ? `${stretch.meta.recording}, ${stretch.meta.components.join(", ")}, ${spelled(stretch.meta.start, stretch.meta.dated)}, ${stretch.meta.lasts.toFixed(1)} s; ${stretch.rows.length} windows` : "loading"}>
    ${lanes.map((lane, c) => html`<div class="lane" style=${`top:${(marks ? MARK + 3 : 4) + ((c + 0.5) / lanes.length) * tall - 16}px`}><b>${stretch?.meta.components[c] || `${c + 1}`}</b><span>${Number.isFinite(lane.half) ? `±${amplitude(lane.half)}` : "dead"}</span></div>`)}
    <div class="plot" key="plot" ref=${place}></div></div></div>`;
}

/**
 * The spectrogram of the first living component of a stretch (or of another), with the cursor's line, "17.3 s, 6 Hz".
 * @param {Piece & {height?: number, component?: number, clock?: boolean, cursor?: Cursor}} props
 */
export function SpectrogramView({ row, start, lasts, height = 112, component, clock = false, cursor }) {
  const [place, width] = useWidth();
  const { stretch } = useStretch({ row, start, lasts }, width);
  const [, again] = useState(0);
  useEffect(() => cursor?.watch(() => again((n) => n + 1)), [cursor]);
  if (!stretch) return html`<div class="spectrogram" style=${`height:${height}px`}><div key="plot" class="plot" ref=${place}></div></div>`;
  const { meta } = stretch, which = component ?? meta.spectrogram, most = meta.rate / 2, inner = Math.max(16, width - LEFT - RIGHT), dots = Math.min(2, devicePixelRatio);
  const address = new URLSearchParams({ component: String(which), w: String(Math.min(2048, Math.round(inner * dots))), h: String(Math.round(height * dots)), v: version(), ...(start === undefined ? {} : { start: String(start) }), ...(lasts === undefined ? {} : { lasts: String(lasts) }) });
  const every = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000].find((one) => most / one <= height / 24) ?? most / 2;
  const ticks = Array.from({ length: Math.floor((most - 1e-9) / every) }, (_, i) => (i + 1) * every).filter((hz) => (1 - hz / most) * height > 12);
  const move = (/** @type {MouseEvent} */ event) => {
    const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
    cursor?.set(((event.clientX - box.left) / box.width) * meta.lasts, (1 - (event.clientY - box.top) / box.height) * most);
  };
  const { t, hz } = cursor?.now ?? { t: null, hz: null };
  return html`<div class="spectrogram" style=${`height:${height}px`}>
    <div class="lane" style=${`top:${height / 2 - 9}px`}><b>${meta.components[which]}</b></div>
    <div class="hertz" aria-hidden="true"><span style="top:-2px">Hz</span>${ticks.map((one) => html`<span style=${`top:${(1 - one / most) * height - 8}px`}>${one}</span>`)}</div>
    <div key="plot" class="plot" ref=${place}><div class="field" style=${`left:${LEFT}px;width:${inner}px;height:${height}px`} onMouseMove=${move} onMouseLeave=${() => cursor?.set(null)}>
      <img src=${`/picture/spectrogram/${row}?${address}`} width=${inner} height=${height} draggable=${false} alt=${`Spectrogram of ${meta.components[which]}, 0 to ${most} Hz`} />
      ${t !== null ? html`<i class="line" style=${`left:${(t / meta.lasts) * inner}px`}></i><span class=${`at${t > meta.lasts * 0.7 ? " left" : ""}`} style=${`left:${(t / meta.lasts) * inner}px`}>${clock ? moment(meta, t) : `${(t + meta.from).toFixed(1).replace("-", "−")} s`}${hz === null ? "" : `, ${hz >= 10 ? Math.round(hz) : hz.toFixed(1)} Hz`}</span>` : null}
    </div></div></div>`;
}
