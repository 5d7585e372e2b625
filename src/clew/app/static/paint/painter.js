// @ts-check
/**
 * The canvas of the painter: an image that is panned and zoomed, what the live forest says over it, strokes, and the brush.
 * It knows nothing of server or page: it is told what to show, and tells of strokes and of where it looks.
 */
import { drawDivide, drawMap, drawRing, drawScale, drawStrokes, mapOf } from "./furniture.js";
import { classesOf, composed, probabilityOf, uncertaintyOf, unsure } from "./layers.js";

/** @typedef {import("./layers.js").Answer} Answer */
/** @typedef {import("./layers.js").Channel} Channel */
/** @typedef {{client: string, class: number, radius: number, points: number[][], erase: boolean, saved: boolean}} Stroke */
/** @typedef {"none" | "classes" | "probability" | "shap"} Overlay */
/** @typedef {{top: number, left: number, step: number, rows: number, columns: number, channels: Channel[], canvas: HTMLCanvasElement | null}} Picture */
/** @typedef {Answer & {made: Map<string, HTMLCanvasElement | null>}} Shown  an answer, and what was drawn of it */
/**
 * @typedef {Object} Told
 * @property {(stroke: {class: number, radius: number, points: number[][], erase: boolean}) => void} stroke
 * @property {() => void} moved                 the view has changed
 * @property {(at: number[] | null) => void} at  row and column under the cursor
 */

const TILE = 256, LEAST = 0.05, MOST = 40;

export class Painter {
  /** @param {HTMLCanvasElement} canvas @param {Told} told @param {number[][]} palette */
  constructor(canvas, told, palette) {
    this.canvas = canvas;
    this.told = told;
    this.palette = palette;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.layer = document.createElement("canvas"); // strokes, on which the eraser erases
    this.height = 0; this.width = 0;
    this.um = 0; // µm a pixel, 0: unknown
    this.scale = 1; this.top = 0; this.left = 0; // screen px a pixel; the image's place at the corner of the canvas
    /** @type {Picture[]} the whole first, then finer windows */
    this.pictures = [];
    /** @type {Shown | null} */
    this.preview = null;
    /** @type {Map<string, Shown>} */
    this.tiles = new Map();
    /** @type {{top: number, left: number, step: number, rows: number, columns: number, canvas: HTMLCanvasElement} | null} */
    this.shap = null;
    /** @type {Stroke[]} */
    this.strokes = [];
    /** @type {"brush" | "eraser" | "pan"} */
    this.tool = "brush";
    this.class = 1; this.radius = 3;
    /** @type {Overlay} */
    this.overlay = "classes";
    this.beside = false; this.wipe = 0.66; this.faint = 0;
    /** @type {number[] | null} */
    this.cursor = null; this.space = false;
    /** @type {number[][] | null} */
    this.line = null;
    /** @type {Map<number, number[]>} */
    this.fingers = new Map();
    /** @type {"" | "pan" | "paint" | "wipe"} */
    this.doing = "";
    this.keyed = false; // the line is drawn with keys
    this.waiting = 0;
    this.waits = false; // for another plane
    this._listen();
    this.watcher = new ResizeObserver(() => this._sized());
    this.watcher.observe(canvas);
  }

  close() { this.watcher.disconnect(); cancelAnimationFrame(this.waiting); }

  // ---- what is shown ----
  /** Turn to another image or plane. @param {number} height @param {number} width @param {number} um @param {boolean} fit */
  open(height, width, um, fit) {
    this.height = height; this.width = width; this.um = um;
    this.pictures = []; this.strokes = []; this.line = null; this.waits = false; this.forget();
    if (fit) this.fit();
    this.draw();
  }

  /** Another plane is on its way: this one stays in sight, but nothing is painted on it. */
  wait() { this.waits = true; this.line = null; if (this.doing === "paint") this.doing = ""; this.draw(); }

  /** Let go of what the forest said. */
  forget() { this.preview = null; this.tiles.clear(); this.shap = null; this.draw(); }

  /** @param {Picture} picture @param {boolean} whole */
  show(picture, whole) { this.pictures = whole ? [picture] : [...this.pictures.slice(0, 1), picture]; this.draw(); }

  /** Contrast, colours or channels have changed. @param {(channel: Channel, i: number) => void} change */
  recolour(change) {
    for (const picture of this.pictures) { picture.channels.forEach(change); picture.canvas = null; }
    this.draw();
  }

  /** @param {Answer} answer @param {boolean} fresh  of a new forest: what was said before no longer holds */
  setPreview(answer, fresh) {
    this.preview = { ...answer, made: new Map() };
    if (fresh) this.tiles.clear();
    const counts = this.counts();
    this.faint = [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 0;
    this.draw();
  }

  /** @param {Answer} answer */
  setTile(answer) { this.tiles.set(`${answer.top} ${answer.left}`, { ...answer, made: new Map() }); this.draw(); }

  /** How many looked-at pixels each class has. @returns {Map<number, number>} */
  counts() {
    const counts = new Map();
    for (const n of this.preview?.classes ?? []) if (n) counts.set(n, (counts.get(n) ?? 0) + 1);
    return counts;
  }

  /** What the forest says of a pixel: class, probabilities as [class, share], uncertainty. @param {number} row @param {number} column */
  said(row, column) {
    const tile = this.tiles.get(`${Math.floor(row / TILE) * TILE} ${Math.floor(column / TILE) * TILE}`) ?? this.preview;
    if (!tile) return null;
    const y = Math.floor((row - tile.top) / tile.step), x = Math.floor((column - tile.left) / tile.step);
    if (y < 0 || x < 0 || y >= tile.rows || x >= tile.columns) return null;
    const i = y * tile.columns + x;
    const shares = tile.shares.map((one, k) => [tile.order[k], one[i] / 255]).sort((a, b) => b[1] - a[1]);
    return { class: tile.classes[i], shares, unsure: tile.shares.length ? unsure(tile, i) : null };
  }

  // ---- where it looks ----
  get box() {
    const { clientHeight: h, clientWidth: w } = this.canvas;
    return [this.top, this.left, this.top + h / this.scale, this.left + w / this.scale];
  }

  /** The part of the image that is seen: top, left, bottom, right. */
  get view() {
    const [top, left, bottom, right] = this.box;
    return [Math.max(0, top), Math.max(0, left), Math.min(this.height, bottom), Math.min(this.width, right)];
  }

  fit() {
    const { clientHeight: h, clientWidth: w } = this.canvas;
    if (!h || !this.height) return;
    this.scale = Math.min(h / this.height, w / this.width, MOST);
    this.top = (this.height - h / this.scale) / 2;
    this.left = (this.width - w / this.scale) / 2;
    this._moved();
  }

  /** @param {number} factor @param {number[]} [about]  screen px */
  zoom(factor, about = [this.canvas.clientWidth / 2, this.canvas.clientHeight / 2]) {
    const before = this.place(about[0], about[1]);
    this.scale = Math.max(LEAST, Math.min(MOST, this.scale * factor));
    this.top = before[0] - about[1] / this.scale;
    this.left = before[1] - about[0] / this.scale;
    this._moved();
  }

  /** @param {number} row @param {number} column */
  centre(row, column) {
    const inside = (/** @type {number} */ middle, /** @type {number} */ seen, /** @type {number} */ n) => (seen >= n ? (n - seen) / 2 : Math.max(0, Math.min(n - seen, middle - seen / 2)));
    this.top = inside(row, this.canvas.clientHeight / this.scale, this.height);
    this.left = inside(column, this.canvas.clientWidth / this.scale, this.width);
    this._moved();
  }

  /** Row and column of a place on the screen. @param {number} x @param {number} y */
  place(x, y) { return [this.top + y / this.scale, this.left + x / this.scale]; }

  _moved() { this.draw(); this.told.moved(); }

  _sized() {
    const { clientWidth: w, clientHeight: h } = this.canvas, ratio = devicePixelRatio || 1;
    const first = this.canvas.width <= 1 || (this.canvas.width === 300 && this.canvas.height === 150);
    for (const one of [this.canvas, this.layer]) { one.width = Math.max(1, Math.round(w * ratio)); one.height = Math.max(1, Math.round(h * ratio)); }
    if (first) this.fit(); else this._moved();
  }

  // ---- hand and keys ----
  _listen() {
    const at = (/** @type {PointerEvent | WheelEvent | MouseEvent} */ event) => {
      const box = this.canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    this.canvas.addEventListener("pointerdown", (event) => { if (event.button <= 1) { this.canvas.focus(); this._down(event, at(event)); } });
    this.canvas.addEventListener("pointermove", (event) => {
      const all = this.doing === "paint" ? event.getCoalescedEvents?.() ?? [] : [];
      for (const one of all.length ? all : [event]) this._move(one, at(one));
    });
    for (const name of ["pointerup", "pointercancel"]) this.canvas.addEventListener(name, (event) => this._up(/** @type {PointerEvent} */ (event)));
    this.canvas.addEventListener("pointerleave", () => { if (!this.doing) { this.cursor = null; this.told.at(null); this.draw(); } });
    this.canvas.addEventListener("wheel", (event) => { event.preventDefault(); this.zoom(Math.exp(-event.deltaY * 0.0015), at(event)); }, { passive: false });
    this.canvas.addEventListener("keydown", (event) => { if (this._key(event)) { event.preventDefault(); event.stopPropagation(); } });
    this.canvas.addEventListener("keyup", (event) => { if (event.key === " ") { this.space = false; this._cursor(); } });
    this.canvas.addEventListener("blur", () => { this.space = false; });
  }

  /** @param {PointerEvent} event @param {number[]} at */
  _down(event, at) {
    this.canvas.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, at);
    if (this.fingers.size === 2) { this.line = null; this.doing = "pan"; return; } // two fingers move the image
    const map = mapOf(this);
    if (map && at[0] > map.x && at[1] > map.y && at[0] < map.x + map.w && at[1] < map.y + map.h) {
      this.centre((at[1] - map.y) / map.scale, (at[0] - map.x) / map.scale);
      return;
    }
    if (this.beside && Math.abs(at[0] - this.wipe * this.canvas.clientWidth) < 12) this.doing = "wipe";
    else if (this.tool === "pan" || this.space || event.button === 1) this.doing = "pan";
    else if (this.height && !this.waits) { this.doing = "paint"; this.keyed = false; this.line = [this.place(at[0], at[1])]; }
    this._cursor();
    this.draw();
  }

  /** @param {PointerEvent} event @param {number[]} at */
  _move(event, at) {
    const before = this.fingers.get(event.pointerId);
    if (before && this.doing === "pan") {
      const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const far = (/** @type {number[]} */ p) => Math.max(1, Math.hypot(p[0] - other[0], p[1] - other[1]));
        this.zoom(far(at) / far(before), other);
      } else {
        this.top -= (at[1] - before[1]) / this.scale;
        this.left -= (at[0] - before[0]) / this.scale;
        this._moved();
      }
    }
    if (before) this.fingers.set(event.pointerId, at);
    if (this.doing === "wipe") this.wipe = Math.max(0.02, Math.min(0.98, at[0] / this.canvas.clientWidth));
    this.cursor = this.place(at[0], at[1]);
    if (this.doing === "paint" && !this.keyed) this._extend(this.cursor);
    this.told.at(this.cursor);
    this._cursor(at);
    this.draw();
  }

  /** @param {PointerEvent} event */
  _up(event) {
    if (!this.fingers.delete(event.pointerId)) return;
    if (this.doing === "paint") this._finish(event.type === "pointerup");
    if (this.fingers.size === 0) this.doing = "";
    this._cursor();
    this.draw();
  }

  /** @param {number[]} point */
  _extend(point) {
    const line = this.line, last = line?.[line.length - 1];
    if (line && last && Math.hypot(point[0] - last[0], point[1] - last[1]) >= Math.max(0.4, this.radius / 8)) line.push(point);
  }

  /** @param {boolean} wanted */
  _finish(wanted) {
    const line = this.line, r = this.radius;
    this.line = null; this.doing = "";
    const inside = line?.some(([row, column]) => row > -r && column > -r && row < this.height + r && column < this.width + r);
    if (wanted && line && inside) this.told.stroke({ class: this.class, radius: r, points: line, erase: this.tool === "eraser" });
    this.draw();
  }

  /** Arrows move the brush, Enter sets it down and lifts it. @param {KeyboardEvent} event @returns {boolean} whether the key was ours */
  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (event.key === " ") { this.space = true; this._cursor(); return true; }
    if (event.key === "Escape" && this.line) { this._finish(false); return true; }
    if (!way && event.key !== "Enter") return false;
    const [top, left, bottom, right] = this.view;
    if (!this.cursor) this.cursor = [Math.floor((top + bottom) / 2) + 0.5, Math.floor((left + right) / 2) + 0.5];
    if (way) {
      const step = event.shiftKey ? 10 : 1;
      this.cursor = [Math.max(0, Math.min(this.height - 0.01, this.cursor[0] + step * way[0])), Math.max(0, Math.min(this.width - 0.01, this.cursor[1] + step * way[1]))];
      if (this.cursor[0] < top || this.cursor[1] < left || this.cursor[0] > bottom || this.cursor[1] > right) this.centre(this.cursor[0], this.cursor[1]);
      if (this.line && this.keyed) this._extend(this.cursor);
    } else if (!event.repeat && this.line) this._finish(true);
    else if (!event.repeat && this.height && !this.waits) { this.doing = "paint"; this.keyed = true; this.line = [this.cursor]; }
    this.told.at(this.cursor);
    this.draw();
    return true;
  }

  /** @param {number[]} [at] */
  _cursor(at) {
    const wipe = at && this.beside && Math.abs(at[0] - this.wipe * this.canvas.clientWidth) < 12;
    this.canvas.style.cursor = wipe || this.doing === "wipe" ? "ew-resize" : this.doing === "pan" ? "grabbing" : this.tool === "pan" || this.space ? "grab" : "crosshair";
  }

  // ---- drawing ----
  draw() {
    if (!this.waiting) this.waiting = requestAnimationFrame(() => { this.waiting = 0; this._draw(); });
  }

  _draw() {
    const { context: c, canvas } = this, ratio = devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.fillStyle = "#0E0F12";
    c.fillRect(0, 0, w, h);
    if (!this.height) return;
    c.imageSmoothingEnabled = this.scale < 1;
    for (const picture of this.pictures) {
      picture.canvas ??= composed(picture.channels, picture.rows, picture.columns);
      this._put(picture, picture.canvas);
    }
    const cut = this.beside ? this.wipe * w : w;
    this._clipped(0, cut, () => this._answers(this.overlay));
    if (this.beside) this._clipped(cut, w, () => this._answers("unsure"));
    drawStrokes(this, ratio);
    drawScale(this, h);
    drawMap(this);
    if (this.beside) drawDivide(this, cut, h);
    drawRing(this);
  }

  /** @param {number} from @param {number} to @param {() => void} work */
  _clipped(from, to, work) {
    const c = this.context;
    c.save();
    c.beginPath();
    c.rect(from, 0, Math.max(0, to - from), this.canvas.clientHeight);
    c.clip();
    work();
    c.restore();
  }

  /** @param {{top: number, left: number, step: number, rows: number, columns: number}} at @param {HTMLCanvasElement} canvas */
  _put(at, canvas) {
    this.context.drawImage(canvas, (at.left - this.left) * this.scale, (at.top - this.top) * this.scale, at.columns * at.step * this.scale, at.rows * at.step * this.scale);
  }

  /** @param {Overlay | "unsure"} what */
  _answers(what) {
    if (what === "none") return;
    if (what === "shap") { if (this.shap) this._put(this.shap, this.shap.canvas); return; }
    const { preview, context: c } = this;
    c.imageSmoothingEnabled = false;
    if (preview) {
      c.save();
      c.beginPath();
      for (const [top, left, bottom, right] of this._coarse()) c.rect((left - this.left) * this.scale, (top - this.top) * this.scale, (right - left) * this.scale, (bottom - top) * this.scale);
      c.clip();
      const picture = this._made(preview, what);
      if (picture) this._put(preview, picture);
      this._grid(preview);
      c.restore();
    }
    for (const tile of this.tiles.values()) {
      const picture = this._made(tile, what);
      if (picture) this._put(tile, picture);
    }
  }

  /** Boxes that have a coarse answer only. */
  _coarse() {
    const one = this.preview, boxes = [];
    if (!one) return [];
    const bottom = Math.min(this.height, one.top + one.rows * one.step), right = Math.min(this.width, one.left + one.columns * one.step);
    for (let y = one.top; y < bottom; y += TILE)
      for (let x = one.left; x < right; x += TILE)
        if (!this.tiles.has(`${y} ${x}`)) boxes.push([y, x, Math.min(bottom, y + TILE), Math.min(right, x + TILE)]);
    return boxes;
  }

  /** @param {Shown} answer @param {Overlay | "unsure"} what */
  _made(answer, what) {
    const key = what === "probability" ? `probability ${this.class}` : what === "classes" ? `classes ${this.faint}` : what;
    if (!answer.made.has(key)) {
      if (answer.made.size > 3) answer.made.clear();
      answer.made.set(key, what === "classes" ? classesOf(answer, this.palette, this.faint) : what === "probability" ? probabilityOf(answer, this.class) : uncertaintyOf(answer));
    }
    return answer.made.get(key) ?? null;
  }

  /** The grid of what is still coarse. @param {Shown} one */
  _grid(one) {
    const c = this.context, size = one.step * this.scale;
    if (size < 4) return;
    const [top, left, bottom, right] = this.view;
    c.strokeStyle = "rgba(0, 0, 0, .28)";
    c.lineWidth = 1;
    c.beginPath();
    for (let y = Math.floor(top / one.step) * one.step; y <= bottom; y += one.step) { c.moveTo(0, (y - this.top) * this.scale); c.lineTo(this.canvas.clientWidth, (y - this.top) * this.scale); }
    for (let x = Math.floor(left / one.step) * one.step; x <= right; x += one.step) { c.moveTo((x - this.left) * this.scale, 0); c.lineTo((x - this.left) * this.scale, this.canvas.clientHeight); }
    c.stroke();
  }
}
