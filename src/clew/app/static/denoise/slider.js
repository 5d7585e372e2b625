// @ts-check
/** Two pictures of one plane on one another, with a line between them that is moved: left of it before, right of it after. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { useKeys } from "../core/keys.js";

/** @typedef {{height: number, width: number, address: (run: string, box?: [number, number, number, number]) => string}} Plane */

const MOST = 2048; // px of a side of a picture of the server; of larger planes it takes every n-th pixel
const STEP = 2, LEAP = 10; // percent that a key moves the line

/** @param {number} x @param {number} low @param {number} high */
const between = (x, low, high) => Math.min(high, Math.max(low, x));

/**
 * @param {{plane: Plane, run: string, names: [string, string]}} props  run: "" where there is none yet; names of both sides
 */
export function BeforeAfter({ plane, run, names }) {
  const host = useRef(/** @type {HTMLElement | null} */ (null)), handle = useRef(/** @type {HTMLElement | null} */ (null));
  const [share, setShare] = useState(50), [size, setSize] = useState([0, 0]);
  const [view, setView] = useState({ zoom: 1, x: 0.5, y: 0.5 }); // of the whole plane in sight; the middle, as shares of the plane
  const [piece, setPiece] = useState(/** @type {[number, number, number, number] | null} */ (null));
  const fingers = useRef(/** @type {Map<number, [number, number]>} */ (new Map())), moves = useRef("");
  useEffect(() => {
    const one = /** @type {HTMLElement} */ (host.current);
    const watcher = new ResizeObserver(() => setSize([one.clientWidth, one.clientHeight]));
    watcher.observe(one);
    return () => watcher.disconnect();
  }, []);
  const scale = Math.min(size[0] / plane.width, size[1] / plane.height) * view.zoom || 1;
  const left = size[0] / 2 - view.x * plane.width * scale, top = size[1] / 2 - view.y * plane.height * scale;
  const line = (share / 100) * size[0];
  const look = useRef({ left, top, scale });
  look.current = { left, top, scale };

  // of a plane that is larger than its picture, what is in sight comes again in full
  useEffect(() => {
    setPiece(null);
    if (Math.max(plane.width, plane.height) <= MOST || view.zoom === 1) return undefined;
    const clock = setTimeout(() => setPiece([
      between(Math.floor(-left / scale), 0, plane.width - 1), between(Math.floor(-top / scale), 0, plane.height - 1),
      between(Math.ceil((size[0] - left) / scale), 1, plane.width), between(Math.ceil((size[1] - top) / scale), 1, plane.height),
    ]), 200);
    return () => clearTimeout(clock);
  }, [plane, view, size]);

  /** @param {number} factor @param {number} [x] @param {number} [y]  in px of the frame, which stay where they are */
  const zoom = (factor, x = size[0] / 2, y = size[1] / 2) => setView((was) => {
    const now = between(was.zoom * factor, 1, 64), fit = Math.min(size[0] / plane.width, size[1] / plane.height) || 1;
    const shift = (/** @type {number} */ px, /** @type {number} */ side) => (px / fit / side) * (1 / was.zoom - 1 / now);
    const next = { zoom: now, x: was.x + shift(x - size[0] / 2, plane.width), y: was.y + shift(y - size[1] / 2, plane.height) };
    return now === 1 ? { zoom: 1, x: 0.5, y: 0.5 } : { ...next, x: between(next.x, 0, 1), y: between(next.y, 0, 1) };
  });
  const zoomed = useRef(zoom);
  zoomed.current = zoom;
  useEffect(() => {
    const one = /** @type {HTMLElement} */ (host.current);
    const wheel = (/** @type {WheelEvent} */ event) => {
      event.preventDefault();
      const box = one.getBoundingClientRect();
      zoomed.current(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), event.clientX - box.left, event.clientY - box.top);
    };
    one.addEventListener("wheel", wheel, { passive: false });
    return () => one.removeEventListener("wheel", wheel);
  }, []);
  const move = (/** @type {number} */ by) => setShare((was) => between(was + by, 0, 100));
  const toggle = () => setShare((was) => (was > 0 ? 0 : 100));
  useKeys({
    "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: () => setView({ zoom: 1, x: 0.5, y: 0.5 }), Space: toggle,
    ArrowLeft: () => move(-STEP), ArrowRight: () => move(STEP),
  }, { where: "denoise" });

  /** @param {PointerEvent} event @returns {[number, number]} */
  const spot = (event) => { const box = /** @type {HTMLElement} */ (host.current).getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  const down = (/** @type {PointerEvent} */ event) => {
    if (/** @type {Element} */ (event.target).closest(".zoom")) return; // a captured pointer would press no button
    const at = spot(event);
    host.current?.setPointerCapture(event.pointerId);
    fingers.current.set(event.pointerId, at);
    moves.current = fingers.current.size > 1 ? "pinch" : event.target === handle.current || Math.abs(at[0] - line) < 14 ? "line" : "picture";
    if (moves.current === "line") handle.current?.focus();
  };
  const drag = (/** @type {PointerEvent} */ event) => {
    const was = fingers.current.get(event.pointerId), at = spot(event);
    if (!was) return;
    fingers.current.set(event.pointerId, at);
    if (moves.current === "line") setShare(between((at[0] / size[0]) * 100, 0, 100));
    else if (moves.current === "picture") setView((one) => (one.zoom === 1 ? one : { ...one, x: between(one.x - (at[0] - was[0]) / scale / plane.width, 0, 1), y: between(one.y - (at[1] - was[1]) / scale / plane.height, 0, 1) }));
    else {
      const other = [...fingers.current].find(([id]) => id !== event.pointerId)?.[1] ?? at;
      const apart = (/** @type {[number, number]} */ one) => Math.max(10, Math.hypot(one[0] - other[0], one[1] - other[1]));
      zoom(apart(at) / apart(was), (at[0] + other[0]) / 2, (at[1] + other[1]) / 2);
    }
  };
  const up = (/** @type {PointerEvent} */ event) => { fingers.current.delete(event.pointerId); if (!fingers.current.size) moves.current = ""; };
  const press = (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowLeft: -STEP, ArrowDown: -STEP, ArrowRight: STEP, ArrowUp: STEP, PageDown: -LEAP, PageUp: LEAP, Home: -100, End: 100 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    move(by);
  };
  const layer = (/** @type {string} */ which, /** @type {string} */ clip, /** @type {string} */ name) => html`<div class="layer" style=${`clip-path:${clip}`}>
    <img src=${plane.address(which)} alt=${name} draggable=${false} data-coarse=${scale >= 2 ? "yes" : "no"} style=${`left:${left}px;top:${top}px;width:${plane.width * scale}px;height:${plane.height * scale}px`} />
    ${piece && html`<img src=${plane.address(which, piece)} alt="" draggable=${false} style=${`left:${left + piece[0] * scale}px;top:${top + piece[1] * scale}px;width:${(piece[2] - piece[0]) * scale}px;height:${(piece[3] - piece[1]) * scale}px`} />`}</div>`;
  const rest = size[0] - line;
  return html`<div class="before-after" ref=${host} data-zoomed=${view.zoom > 1 ? "yes" : "no"} onPointerDown=${down} onPointerMove=${drag} onPointerUp=${up} onPointerCancel=${up} onDblClick=${() => setView({ zoom: 1, x: 0.5, y: 0.5 })}>
    ${layer("", run ? `inset(0 ${rest}px 0 0)` : "none", names[0])}
    ${run && html`${layer(run, `inset(0 0 0 ${line}px)`, names[1])}
      <span class="side" style=${`right:${rest + 10}px`} hidden=${line < 70}>${names[0]}</span><span class="side" style=${`left:${line + 10}px`} hidden=${rest < 70}>${names[1]}</span>
      <div class="handle" ref=${handle} role="slider" tabindex="0" aria-label="Line between before and after" aria-orientation="horizontal" aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(share)} aria-valuetext=${`${Math.round(share)} % before, ${Math.round(100 - share)} % after`} style=${`left:${line}px`} onKeyDown=${press}><span aria-hidden="true"><svg viewBox="0 0 16 16"><path d="M6 4L2.500 8L6 12M10 4L13.500 8L10 12" fill="none" stroke="currentColor" stroke-width="1.600" stroke-linecap="round" stroke-linejoin="round" /></svg></span></div>`}
    <div class="zoom" role="group" aria-label="Zoom"><button class="button" aria-label="Smaller (-)" onClick=${() => zoom(1 / 1.5)}>−</button><button class="button" aria-label="All (0)" title="All (0)" onClick=${() => setView({ zoom: 1, x: 0.5, y: 0.5 })}>${Math.round(scale * 100)} %</button><button class="button" aria-label="Larger (+)" onClick=${() => zoom(1.5)}>+</button></div></div>`;
}
