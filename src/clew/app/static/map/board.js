// @ts-check
/** The map itself: points below, and above them on a canvas of its own names, rings, hairlines and the line that is drawn. */
import { colour as colourOf, dark, DARK, LIGHT, PATHS } from "../core/marks.js";
import { set, state, watch } from "../core/state.js";
import { count } from "../core/words.js";
import { cellAt, drawDecoded } from "./decoded.js";
import { Drawn, stroke } from "./lasso.js";
import { place } from "./placing.js";
import { Scatter } from "./scatter.js";
import { select } from "./select.js";
import { map, rowOf, setMap, watchMap } from "./store.js";

/** cividis (Nunez, Anderton and Renslow 2018), without the end that the paper would swallow. */
export const RAMPS = {
  light: ["#00224e", "#083370", "#35456c", "#4f576c", "#666970", "#7d7c78", "#948e77", "#aea371", "#c8b866"],
  dark: ["#5e626e", "#6f7073", "#817f78", "#948e77", "#a99f73", "#beaf6b", "#d4c15f", "#ead34c", "#fee838"],
};
export const TRAVEL = 400; // ms between two runs
const NAMED = 12; // classes at most whose names stand on the map

/** What tests and benchmarks wait for: rows drawn, and the selection drawn; set when the picture is finished, not when it is asked for. */
export const drawnNow = { ready: 0, run: -1, lassoShown: -1, names: 0 };

/** @param {string} token */
const css = (token) => getComputedStyle(document.documentElement).getPropertyValue(`--${token}`).trim();
const calm = matchMedia("(prefers-reduced-motion: reduce)");


export class Board {
  /** @param {HTMLElement} host  holds canvas.points, canvas.over and .tip */
  constructor(host) {
    const find = (/** @type {string} */ what) => /** @type {any} */ (host.querySelector(what));
    this.host = host;
    /** @type {HTMLCanvasElement} */ this.over = find("canvas.over");
    /** @type {HTMLElement} */ this.tip = find(".tip");
    this.pen = /** @type {CanvasRenderingContext2D} */ (this.over.getContext("2d"));
    this.scatter = new Scatter(find("canvas.points"), { onDraw: () => this.drawOver(), onRestored: () => this.drawOver() });
    /** @type {Drawn | null} */ this.drawn = null;
    /** @type {[number, number] | null} */ this.panning = null;
    /** Where the press began. @type {[number, number] | null} */ this.start = null;
    /** @type {Map<number, [number, number]>} */ this.fingers = new Map();
    /** @type {{x: number, y: number, kind: number}[]} */ this.names = [];
    this.seen = /** @type {any} */ ({});
    /** Where the selection was drawn. @type {{line: [number, number][], id: number, run: number} | null} */ this.outline = null;
    this.due = 0;
    this.settle = 0;
    this.hoverClock = 0;
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(host);
    this.theme = new MutationObserver(() => { this.seen.colours = null; this.update(); });
    this.theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    this.ends = [watch(() => this.update()), watchMap(() => this.update())];
    this.resize();
    this.update();
  }

  dispose() {
    for (const end of this.ends) end();
    this.observer.disconnect();
    this.theme.disconnect();
    cancelAnimationFrame(this.due);
    clearTimeout(this.settle);
    clearTimeout(this.hoverClock);
    this.scatter.dispose();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.host, density = Math.min(2, window.devicePixelRatio || 1);
    if (!width || !height) return;
    this.over.width = Math.round(width * density);
    this.over.height = Math.round(height * density);
    this.scatter.resize(width, height, density);
    this.moved();
  }

  /** Take over what is new; draw once, on the next frame. */
  update() {
    const { scatter, seen } = this, { look, places, colours, pinned } = map, { selection, hovered, pinned: row } = state;
    if (!look || !places || !colours) return;
    let fresh = false;
    if (seen.places !== places) {
      const moves = seen.places?.length === places.length && !calm.matches;
      if (moves && scatter.extent.every((side, i) => side === look.extent[i])) { scatter.animateTo(places, TRAVEL); this.settleSoon(TRAVEL + 50); }
      else scatter.setPoints(places, look.extent);
      fresh = true;
    }
    if (fresh && seen.places?.length !== places.length) seen.colours = seen.wanders = seen.bits = null;
    if (seen.wanders !== map.wanders) scatter.setHollow(map.wanders);
    if (seen.colours !== colours) this.colour();
    if (seen.bits !== selection.bits) scatter.setSelected(selection.bits);
    const changed = fresh || seen.colours !== colours || seen.wanders !== map.wanders || seen.bits !== selection.bits;
    const touched = changed || seen.pinned !== pinned || seen.hovered !== hovered || seen.row !== row || seen.decoded !== map.decoded || seen.cell !== map.cell;
    if (fresh || seen.colours !== colours) this.nameSoon();
    if (seen.hovered !== hovered) this.tell();
    this.seen = { places, colours, wanders: map.wanders, bits: selection.bits, pinned, hovered, row, decoded: map.decoded, cell: map.cell };
    if (changed) this.finishSoon();
    else if (touched) this.drawOver();
  }

  /** Draw on the next frame and say so when it is done. */
  finishSoon() {
    if (this.due) return;
    this.due = requestAnimationFrame(() => {
      this.due = 0;
      this.scatter.finish();
      Object.assign(drawnNow, { ready: this.scatter.n, run: state.run, lassoShown: state.selection.id });
    });
  }

  colour() {
    const { scatter } = this, colours = map.colours, values = colours?.kind === "values";
    if (!colours) return;
    if (values) { scatter.setValues(colours.of); scatter.setClasses(map.groups); } else scatter.setClasses(colours.of);
    scatter.look = { palette: dark() ? DARK : LIGHT, none: colourOf(-1), ramp: RAMPS[dark() ? "dark" : "light"], surface: css("surface"), byValue: values };
    this.ink = { ink: css("ink"), ink3: css("ink3"), surface: css("surface"), thread: css("thread") };
  }

  /** The view has moved: names follow at once and are placed anew when it rests. */
  moved() { this.scatter.redraw(); this.settleSoon(120); }

  /** @param {number} ms */
  settleSoon(ms) { clearTimeout(this.settle); this.settle = window.setTimeout(() => { this.nameSoon(); this.drawOver(); }, ms); }

  nameSoon() {
    const { scatter, pen } = this, colours = map.colours, places = map.places;
    if (!colours || !places || colours.kind === "values" || colours.classes.length > NAMED || colours.by === "source") { this.names = []; return; }
    const sizes = colours.classes.map((one, kind) => {
      const [name, under] = this.words(one, kind);
      pen.font = NAME;
      const wide = pen.measureText(name).width;
      pen.font = UNDER;
      return { width: Math.max(wide, pen.measureText(under).width), height: 30 };
    });
    const corner = { x: 90, y: 14, width: 190, height: 32 };
    const boxes = place({ width: scatter.width, height: scatter.height, places, toPx: scatter.toPx(), classes: colours.of, sizes, taken: [corner] });
    this.names = boxes.flatMap((box, kind) => { if (!box) return []; const [x, y] = scatter.toData(box.x, box.y); return [{ x, y, kind }]; });
    drawnNow.names = this.names.length;
  }

  /** @param {{name: string, n: number}} one @param {number} kind @returns {[string, string]} */
  words(one, kind) {
    const plain = one.name === `group ${kind}`, by = map.colours?.by === "group";
    const name = one.name.length > 26 ? `${one.name.slice(0, 25)}…` : one.name;
    return [name, by && !plain ? `group ${kind}, n = ${count(one.n)}` : `n = ${count(one.n)}`];
  }

  /** All that stands above the points. */
  drawOver() {
    const { pen, over, scatter } = this, density = scatter.density;
    if (!this.ink) return;
    pen.setTransform(density, 0, 0, density, 0, 0);
    pen.clearRect(0, 0, over.width, over.height);
    const { outline } = this;
    if (outline && outline.id === state.selection.id && outline.run === state.run && scatter.t === 1) stroke(pen, outline.line.map((spot) => scatter.fromData(...spot)), this.ink.thread);
    drawDecoded(pen, scatter, this.ink);
    this.drawPinned();
    if (!map.decoded) this.drawNames();
    const at = state.hovered === null ? null : scatter.where(state.hovered);
    if (at && state.hovered !== state.pinned) this.ring(at, 7, 1.5, this.ink.ink);
    if (this.drawn && this.drawn.line.length > 1) stroke(pen, this.drawn.line, this.ink.thread);
  }

  drawNames() {
    const { pen, scatter, ink } = this, colours = map.colours;
    if (!colours || !ink) return;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    pen.lineWidth = 4;
    pen.strokeStyle = ink.surface;
    for (const { x, y, kind } of this.names) {
      const [name, under] = this.words(colours.classes[kind], kind), at = scatter.fromData(x, y);
      for (const [text, font, shade, down] of /** @type {[string, string, string, number][]} */ ([[name, NAME, ink.ink, -7], [under, UNDER, ink.ink3, 8]])) {
        pen.font = font;
        pen.strokeText(text, at[0], at[1] + down);
        pen.fillStyle = shade;
        pen.fillText(text, at[0], at[1] + down);
      }
    }
  }

  /** The pinned row, and hairlines to where the other runs put it. */
  drawPinned() {
    const { pen, scatter, ink } = this, { pinned } = map;
    const at = state.pinned === null ? null : scatter.where(state.pinned);
    if (!at || !ink) return;
    if (pinned && pinned.row === state.pinned && scatter.t === 1) {
      pen.lineWidth = 1;
      for (let run = 0; run < pinned.places.length / 2; run += 1) {
        const there = scatter.whereGrid(pinned.places[2 * run], pinned.places[2 * run + 1]);
        if (run === state.run || !there) continue;
        pen.strokeStyle = ink.ink3;
        pen.globalAlpha = 0.6;
        pen.beginPath();
        pen.moveTo(...at);
        pen.lineTo(...there);
        pen.stroke();
        pen.globalAlpha = 1;
        pen.fillStyle = ink.ink;
        pen.beginPath();
        pen.arc(there[0], there[1], 1.8, 0, 7);
        pen.fill();
      }
    }
    this.ring(at, 9, 4.5, ink.surface);
    this.ring(at, 9, 2, ink.thread);
    if (map.colours?.kind !== "classes") return;
    const kind = map.colours.of[state.pinned ?? 0];
    const marker = new Path2D();
    marker.addPath(new Path2D(PATHS[kind === 255 ? 0 : kind % 6]), new DOMMatrix([1, 0, 0, 1, at[0], at[1]]));
    pen.fillStyle = colourOf(kind === 255 ? -1 : kind);
    pen.fill(marker);
  }

  /** @param {[number, number]} at @param {number} radius @param {number} wide @param {string} shade */
  ring(at, radius, wide, shade) {
    const { pen } = this;
    pen.beginPath();
    pen.arc(at[0], at[1], radius, 0, 7);
    pen.lineWidth = wide;
    pen.strokeStyle = shade;
    pen.stroke();
  }

  /** @param {MouseEvent} event @returns {[number, number]} */
  spot(event) { const box = this.host.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; }

  /** @param {PointerEvent} event */
  down(event) {
    if (event.button > 1) return;
    const spot = this.spot(event);
    this.host.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, spot);
    if (this.fingers.size > 1) { this.cancel(); this.start = null; return; }
    this.start = spot;
    if (map.tool === "pan" || event.button === 1) this.panning = spot;
    else this.drawn = new Drawn(map.tool, spot);
  }

  /** @param {PointerEvent} event */
  move(event) {
    const spot = this.spot(event);
    if (this.fingers.size === 2 && this.fingers.has(event.pointerId)) this.pinch(event.pointerId, spot);
    else if (this.panning) {
      this.scatter.pan(spot[0] - this.panning[0], spot[1] - this.panning[1]);
      this.panning = spot;
      this.moved();
    } else if (this.drawn) { this.drawn.to(spot); this.drawOver(); } else this.hover(spot);
  }

  /** @param {PointerEvent} event */
  up(event) {
    const spot = this.spot(event), polygon = this.drawn?.end() ?? null;
    const click = this.start && Math.hypot(spot[0] - this.start[0], spot[1] - this.start[1]) < 4;
    const drawn = this.drawn;
    this.fingers.delete(event.pointerId);
    this.drawn = this.panning = null;
    if (polygon && drawn) {
      const mode = event.shiftKey ? "add" : event.altKey ? "take" : "new";
      const line = polygon.map(([x, y]) => this.scatter.toData(x, y)), { run } = state;
      void select({ kind: drawn.kind, polygon: line, mode }).then(({ id }) => { this.outline = { line, id, run }; this.drawOver(); });
    } else if (click) { const row = this.scatter.pick(...spot); set({ pinned: row < 0 ? null : row }); }
    this.drawOver();
  }

  /** Two fingers: what is between them stays between them. @param {number} id @param {[number, number]} spot */
  pinch(id, spot) {
    const was = this.fingers.get(id) ?? spot, other = [...this.fingers].find(([one]) => one !== id)?.[1] ?? spot;
    const apart = (/** @type {[number, number]} */ at) => Math.max(10, Math.hypot(at[0] - other[0], at[1] - other[1]));
    this.scatter.pan((spot[0] - was[0]) / 2, (spot[1] - was[1]) / 2);
    this.scatter.zoom(apart(spot) / apart(was), (spot[0] + other[0]) / 2, (spot[1] + other[1]) / 2);
    this.fingers.set(id, spot);
    this.moved();
  }

  /** Let go of what is being drawn. @returns {boolean} whether there was anything */
  cancel() { const was = this.drawn !== null; this.drawn = this.panning = null; this.drawOver(); return was; }

  /** @param {[number, number]} spot */
  hover(spot) {
    const row = this.scatter.pick(...spot);
    set({ hovered: row < 0 ? null : row });
    this.point(this.scatter.toData(...spot));
  }

  /** Take note of the decoded picture at a place. @param {[number, number] | null} at  in units of the data */
  point(at) { const cell = at ? cellAt(...at) : -1; if (cell !== map.cell) setMap({ cell }); }

  /** @param {WheelEvent} event */
  wheel(event) { event.preventDefault(); this.scatter.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), ...this.spot(event)); this.moved(); }

  /** @param {number} factor */
  zoom(factor) { this.scatter.zoom(factor); this.moved(); }

  all() { this.scatter.fit(); this.moved(); }

  /** Go to the nearest point in a direction. @param {number} right @param {number} down */
  step(right, down) {
    const from = state.hovered ?? state.pinned, { scatter } = this;
    const row = from === null ? scatter.pick(scatter.width / 2, scatter.height / 2, Infinity) : scatter.toward(from, right, down);
    const at = row < 0 ? null : scatter.where(row);
    if (at) { set({ hovered: row }); this.point(scatter.toData(...at)); }
  }

  /** Say what the row is that is pointed at. */
  tell() {
    const row = state.hovered, at = row === null ? null : this.scatter.where(row), { tip } = this;
    clearTimeout(this.hoverClock);
    if (row === null || !at || at[0] < 0 || at[1] < 0 || at[0] > this.scatter.width || at[1] > this.scatter.height) { tip.hidden = true; return; }
    this.hoverClock = window.setTimeout(() => {
      rowOf(row).then((told) => {
        if (state.hovered !== row) return;
        const group = told.group === null ? "" : `${told.group_name === `group ${told.group}` ? "" : `${told.group_name}, `}group ${told.group}${told.agree === null ? "" : ` in ${told.agree} of ${told.runs} runs`}`;
        tip.replaceChildren(...[told.sample, group, told.label && `label: ${told.label}`].filter(Boolean).map((text, i) => { const line = document.createElement(i ? "span" : "b"); line.textContent = text; return line; }));
        tip.hidden = false;
        const left = Math.min(Math.max(4, at[0] + 12), this.scatter.width - tip.offsetWidth - 4);
        tip.style.transform = `translate(${left}px, ${at[1] + 14 + tip.offsetHeight > this.scatter.height ? at[1] - 12 - tip.offsetHeight : at[1] + 14}px)`;
      }, () => {});
    }, 40);
  }
}

const FACE = '-apple-system, BlinkMacSystemFont, "Segoe UI", Inter, "Noto Sans", "Liberation Sans", Arial, sans-serif';
const NAME = `600 13px ${FACE}`;
const UNDER = `400 12px ${FACE}`;
