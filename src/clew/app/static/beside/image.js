// @ts-check
/** The whole image of a row with the outlines of its objects; what is selected here is selected on the map. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { ask } from "../core/socket.js";
import { set, state, use } from "../core/state.js";
import { Notice } from "../core/parts.js";
import { counted } from "../core/words.js";
import { chooseRows, isSelected, toggleRow } from "./choose.js";
import { useDark, useWidth } from "./light.js";
import { boxesOf, drawScene, hit, neighbour, scaleBar } from "./scene.js";
import { version } from "./thumb.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("./scene.js").View} View */
const TALLEST = 300, MOST_ZOOM = 24;

/** Preact hook: the image of a row and its outlines, or why there are none. @param {number} row @returns {{scene: Scene | null, why: string}} */
function useScene(row) {
  const [found, setFound] = useState(/** @type {{scene: Scene | null, why: string}} */ ({ scene: null, why: "" }));
  const step = use((s) => s.step), changes = use((s) => s.version);
  useEffect(() => {
    let waits = true;
    ask("beside.image", { row, step }, { lane: "beside.image" }).then((told) => {
      const [points, starts, rows, groups] = told.arrays;
      if (waits) setFound({ scene: { meta: told, points, starts, rows, groups, boxes: boxesOf(points, starts) }, why: "" });
    }, (why) => { if (waits && why.kind !== "Stale") setFound({ scene: null, why: why.message }); });
    return () => { waits = false; };
  }, [row, step, changes]);
  return found;
}

/** Load the picture of a part of an image. @param {Record<string, string | number>} what @returns {Promise<HTMLImageElement>} */
async function load(what) {
  const picture = new Image();
  picture.src = `/picture/image?${new URLSearchParams(Object.entries({ ...what, v: version() }).map(([key, value]) => [key, String(value)]))}`;
  await picture.decode();
  return picture;
}

/** @param {{row: number}} props */
export function ImageView({ row }) {
  const [place, width] = useWidth();
  const { scene, why } = useScene(row);
  const source = scene?.meta.source ?? "";
  const [contrast, setContrast] = useState({ low: 1, high: 99.8, gamma: 1 }), [channels, setChannels] = useState(""), [open, setOpen] = useState(false);
  const [view, setView] = useState(/** @type {View | null} */ (null)), [drag, drawDrag] = useState(/** @type {any} */ (null));
  const held = useRef(/** @type {any} */ (null)); // what the pointer does now, before it is drawn
  const [pictures, setPictures] = useState(/** @type {{whole: HTMLImageElement | null, part: {picture: HTMLImageElement, box: number[]} | null}} */ ({ whole: null, part: null }));
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const light = useDark(), pinned = use((s) => s.pinned), hovered = use((s) => s.hovered), selection = use((s) => s.selection);
  const fit = scene && width ? Math.min(width / scene.meta.width, TALLEST / scene.meta.height) : 1;
  const tall = scene ? Math.min(TALLEST, Math.round(scene.meta.height * fit)) : TALLEST;
  const now = view ?? { x: 0, y: 0, zoom: 1 };
  const scale = fit * now.zoom, left = scene && width ? Math.max(0, (width - scene.meta.width * scale) / 2) : 0;

  useEffect(() => { setView(null); setChannels(""); setPictures({ whole: null, part: null }); }, [source]);
  useEffect(() => {
    if (!source) return undefined;
    let waits = true;
    const clock = setTimeout(() => { load({ source, channels, w: 1024, ...contrast }).then((whole) => { if (waits) setPictures((before) => ({ ...before, whole })); }, () => {}); }, pictures.whole ? 80 : 0);
    return () => { waits = false; clearTimeout(clock); };
  }, [source, channels, contrast]);
  useEffect(() => {
    const long = scene ? Math.max(scene.meta.width, scene.meta.height) : 0;
    setPictures((before) => (before.part ? { ...before, part: null } : before));
    if (!scene || now.zoom <= 1 || long <= 1024) return undefined;
    let waits = true;
    const x0 = Math.floor(Math.max(0, now.x)), y0 = Math.floor(Math.max(0, now.y)), x1 = Math.min(scene.meta.width, Math.ceil(now.x + width / scale)), y1 = Math.min(scene.meta.height, Math.ceil(now.y + tall / scale));
    const clock = setTimeout(() => { load({ source, channels, x0, y0, x1, y1, w: 1024, ...contrast }).then((picture) => { if (waits) setPictures((before) => ({ ...before, part: { picture, box: [x0, y0, x1, y1] } })); }, () => {}); }, 120);
    return () => { waits = false; clearTimeout(clock); };
  }, [source, channels, contrast, view, width]);
  useEffect(() => {
    if (canvas.current && scene && width) drawScene(canvas.current, scene, { ...pictures, view: now, scale, left, width, tall, drag });
  }, [scene, pictures, view, width, tall, pinned, hovered, selection, light, drag]);

  /** Zoom about a point of the canvas. @param {number} by @param {number} [px] @param {number} [py] */
  function zoom(by, px = width / 2, py = tall / 2) {
    if (!scene) return;
    const next = Math.max(1, Math.min(MOST_ZOOM, now.zoom * by)), x = now.x + (px - left) / scale, y = now.y + py / scale;
    if (next === 1) { setView(null); return; }
    setView(kept({ zoom: next, x: x - px / (fit * next), y: y - py / (fit * next) }));
  }
  /** Keep the image in the frame. @param {View} some @returns {View} */
  function kept(some) {
    if (!scene) return some;
    const most = (/** @type {number} */ all, /** @type {number} */ seen) => Math.max(0, all - seen / (fit * some.zoom));
    return { ...some, x: Math.max(0, Math.min(most(scene.meta.width, width), some.x)), y: Math.max(0, Math.min(most(scene.meta.height, tall), some.y)) };
  }
  /** @param {any} next */
  function setDrag(next) { held.current = next; drawDrag(next); }
  /** @param {PointerEvent} event @returns {[number, number]} in px of the image */
  function at(event) { return [now.x + (event.offsetX - left) / scale, now.y + event.offsetY / scale]; }
  /** @param {PointerEvent} event */
  function down(event) {
    if (event.button !== 0 && event.button !== 1) return;
    /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
    setDrag({ from: at(event), to: at(event), px: event.offsetX, py: event.offsetY, view: now, pans: event.altKey || event.button === 1, moved: false });
  }
  /** @param {PointerEvent} event */
  function move(event) {
    if (!scene) return;
    const drag = held.current;
    if (!drag) { const found = hit(scene, at(event), 4 / scale), row = found < 0 ? null : scene.rows[found]; if (row !== state.hovered) set({ hovered: row }); return; }
    const moved = drag.moved || Math.hypot(event.offsetX - drag.px, event.offsetY - drag.py) > 4;
    if (drag.pans) setView(kept({ ...drag.view, x: drag.view.x - (event.offsetX - drag.px) / scale, y: drag.view.y - (event.offsetY - drag.py) / scale }));
    setDrag({ ...drag, to: at(event), moved });
  }
  /** @param {PointerEvent} event */
  function up(event) {
    const drag = held.current;
    if (!scene || !drag) return;
    setDrag(null);
    if (drag.pans) return;
    const mode = event.shiftKey ? "add" : "new";
    if (!drag.moved) {
      const found = hit(scene, drag.from, 4 / scale);
      if (found < 0) return;
      if (!event.shiftKey) set({ pinned: scene.rows[found] });
      // a plain click shows the row; it does not take away a selection of many that somebody drew
      if (event.shiftKey || state.selection.n <= 1) void chooseRows([scene.rows[found]], mode, "image");
      return;
    }
    const [x0, x1] = [drag.from[0], drag.to[0]].sort((a, b) => a - b), [y0, y1] = [drag.from[1], drag.to[1]].sort((a, b) => a - b), chosen = new Set();
    scene.rows.forEach((one, i) => { const b = scene.boxes[i], x = (b[0] + b[2]) / 2, y = (b[1] + b[3]) / 2; if (one >= 0 && x >= x0 && x <= x1 && y >= y0 && y <= y1) chosen.add(one); });
    if (chosen.size) void chooseRows([...chosen], mode, "image");
  }
  /** @param {KeyboardEvent} event */
  function keys(event) {
    if (!scene) return;
    const ways = /** @type {Record<string, [number, number]>} */ ({ ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }), one = state.hovered ?? state.pinned ?? row;
    if (event.key in ways && event.shiftKey) setView(kept({ ...now, x: now.x + (ways[event.key][0] * 40) / scale, y: now.y + (ways[event.key][1] * 40) / scale }));
    else if (event.key in ways) set({ hovered: neighbour(scene, one, ways[event.key]) });
    else if (event.key === "Enter") set({ pinned: one });
    else if (event.key === " ") toggleRow(one, "image");
    else if (event.key === "+" || event.key === "=") zoom(1.5);
    else if (event.key === "-") zoom(1 / 1.5);
    else if (event.key === "0") setView(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  useEffect(() => { // the row that is shown is in sight
    const i = scene && now.zoom > 1 ? scene.rows.indexOf(row) : -1;
    if (!scene || i < 0) return;
    const x = (scene.boxes[i][0] + scene.boxes[i][2]) / 2, y = (scene.boxes[i][1] + scene.boxes[i][3]) / 2;
    if (x < now.x || y < now.y || x > now.x + width / scale || y > now.y + tall / scale) setView(kept({ ...now, x: x - width / scale / 2, y: y - tall / scale / 2 }));
  }, [row, scene]);
  useEffect(() => { // a listener that may stop the page from scrolling: only while the picture has the focus, or with Ctrl
    const there = canvas.current;
    if (!there) return undefined;
    const wheel = (/** @type {WheelEvent} */ event) => {
      if (!event.ctrlKey && document.activeElement !== there) return;
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * 0.002), event.offsetX, event.offsetY);
    };
    there.addEventListener("wheel", wheel, { passive: false });
    return () => there.removeEventListener("wheel", wheel);
  });

  if (why) return html`<div class="image"><div class="plot" ref=${place}></div><img class="lost" src=${`/picture/row/${row}?size=150&width=300&v=${version()}`} alt="" /><${Notice} bold="This image cannot be shown." alert>${why}<//></div>`;
  const own = scene ? new Set(Array.from(scene.rows).filter((one) => one >= 0 && isSelected(one))).size : 0;
  const slider = (/** @type {"low" | "high" | "gamma"} */ name, /** @type {string} */ title, /** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ step) => html`<label class="small"><span>${title}</span><input type="range" min=${low} max=${high} step=${step} value=${contrast[name]} onInput=${(/** @type {any} */ e) => setContrast({ ...contrast, [name]: Number(e.currentTarget.value) })} /><output>${contrast[name]}</output></label>`;
  return html`<div class="image"><div class="plot" ref=${place} style=${`height:${tall}px`}>
      <canvas ref=${canvas} tabindex="0" role="application" aria-roledescription="image" style=${`width:${width}px;height:${tall}px`} aria-label=${scene ? `${source}: ${counted(scene.meta.objects, "open object")}, ${own} selected. Arrows go to the next object, Enter pins, Space selects, plus and minus zoom.` : "loading"}
        onPointerDown=${down} onPointerMove=${move} onPointerUp=${up} onPointerCancel=${() => setDrag(null)} onPointerLeave=${() => { if (!drag) set({ hovered: null }); }} onKeyDown=${keys} onBlur=${() => set({ hovered: null })}></canvas>
      ${scene ? html`<span class="bar50" style=${`width:${scaleBar(scene.meta.pixel, scale).px}px`}>${scaleBar(scene.meta.pixel, scale).text}</span>` : null}</div>
    <div class="under"><span class="mono" title=${source}>${source}</span><span class="small quiet">${scene ? `${counted(scene.meta.objects, "object")}, ${own} selected` : ""}</span></div>
    <div class="tools">${scene && scene.meta.channels.length > 1 ? html`<label class="small">Channel <select class="plain" value=${channels} onChange=${(/** @type {any} */ e) => setChannels(e.currentTarget.value)}><option value="">all</option>${scene.meta.channels.map((/** @type {string} */ name, /** @type {number} */ c) => html`<option value=${c}>${name}</option>`)}</select></label>` : null}
      <button class="button quiet" aria-expanded=${open ? "true" : "false"} onClick=${() => setOpen(!open)}>Contrast</button>
      <span class="pages"><button class="button quiet" aria-label="Zoom out" title="Zoom out (-)" disabled=${now.zoom === 1} onClick=${() => zoom(1 / 1.5)}>−</button><button class="button quiet" title="The whole image (0)" disabled=${now.zoom === 1} onClick=${() => setView(null)}>${Math.round(now.zoom * 100)} %</button><button class="button quiet" aria-label="Zoom in" title="Zoom in (+); Alt and drag, or Shift and arrows, move the image" onClick=${() => zoom(1.5)}>+</button></span></div>
    ${open ? html`<div class="contrast">${slider("low", "Black, percentile", 0, 90, 0.5)}${slider("high", "White, percentile", 91, 100, 0.1)}${slider("gamma", "Gamma", 0.2, 4, 0.1)}<button class="button quiet" onClick=${() => setContrast({ low: 1, high: 99.8, gamma: 1 })}>As at first</button></div>` : null}</div>`;
}
