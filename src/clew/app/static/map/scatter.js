// @ts-check
/** Points on WebGL2, up to a million of them. Import-free: the page and the notebook's widget draw with the same lines. */

/**
 * @typedef {Object} Look                     how points are coloured
 * @property {string[]} palette               at most 16 colours of classes, "#rrggbb"; more classes repeat them
 * @property {string} none                    colour of rows of no class, or of no value
 * @property {string[]} ramp                  9 colours of ordered values
 * @property {string} surface                 what is behind the points
 * @property {boolean} byValue                colour by value, not by class
 */
/** @typedef {{x: number, y: number, scale: number}} View  middle in units of the data, and px of the page for one unit */
/** @typedef {[number, number, number, number]} Extent     left, right, lowest, highest */

const GRID = 65534, NOWHERE = 65535;
const SELECTED = 1, WANDERS = 2;
/** A marker is drawn in a box of this many units, as in the paths of core/marks.js. */
const BOX = 11;

const VERTEX = `#version 300 es
layout(location=0) in vec2 here; layout(location=1) in vec2 next; layout(location=2) in vec4 look;
uniform vec4 place; uniform float t, size; uniform int part; uniform bool byValue;
uniform vec3 palette[16], none, ramp[9], surface; uniform int colours; uniform float alpha;
flat out vec4 ink; flat out int shape; flat out int hollow;
void main() {
  int flags = int(look.z), kind = int(look.x), value = int(look.y);
  bool selected = (flags & 1) == 1;
  gl_PointSize = size;
  if (next.x > 65534.5 || (part == 1 && selected) || (part == 2 && !selected)) { gl_Position = vec4(2., 2., 2., 1.); return; }
  vec2 from = here.x > 65534.5 ? next : here;
  gl_Position = vec4(mix(from, next, t) * place.xy + place.zw, 0., 1.);
  vec3 colour = none;
  if (byValue) { if (value < 255) { float v = float(value) / 254. * 8.; int i = min(7, int(v)); colour = mix(ramp[i], ramp[i + 1], v - float(i)); } }
  else if (kind < 255) colour = palette[kind % colours];
  if (part == 1) colour = mix(colour, surface, .55); // by colour, as where many lie on one another none is transparent
  ink = vec4(colour, part == 2 ? min(1., alpha * 1.6) : alpha);
  shape = kind == 255 ? 0 : kind % 6;
  hollow = (flags & 2) >> 1;
}`;

const FRAGMENT = `#version 300 es
precision highp float;
uniform float size; uniform bool plain; uniform vec3 surface;
flat in vec4 ink; flat in int shape; flat in int hollow;
out vec4 colour;
float plus(vec2 p, float arm, float half_) { p = abs(p); if (p.y > p.x) p = p.yx; return max(p.x - arm, p.y - half_); }
float edge(vec2 p) {
  if (shape == 1) return max(p.y - 3.6, dot(vec2(abs(p.x), p.y + 4.6), vec2(.8812, -.4728)));
  if (shape == 2) return max(abs(p.x), abs(p.y)) - 3.6;
  if (shape == 3) return dot(abs(p), vec2(.7507, .6606)) - 3.303;
  if (shape == 4) return plus(p, 4.6, 1.4);
  if (shape == 5) return plus(vec2(p.x + p.y, p.y - p.x) * .7071, 4.7, 1.35);
  return length(p) - 4.;
}
void main() {
  float a = ink.a; vec3 rgb = ink.rgb;
  if (!plain) {
    float perPx = ${BOX}. / size, d = edge((gl_PointCoord - .5) * ${BOX}.);
    a *= clamp(.5 - d / perPx, 0., 1.);
    if (hollow == 1) rgb = mix(rgb, surface, clamp(.5 - (d + max(1.2, 1.4 * perPx)) / perPx, 0., 1.));
    if (a < .004) discard;
  }
  colour = vec4(rgb * a, a);
}`;

/** @param {string} hex @returns {[number, number, number]} */
function rgb(hex) { const n = parseInt(hex.slice(1), 16); return [(n >> 16) / 255, ((n >> 8) & 255) / 255, (n & 255) / 255]; }

/**
 * How many points there would be if all the extent were as crowded as it is round most points: cells that hold some four points
 * each are counted, at most 64 a side, and what points see is the mean of the square root, squared.
 * @param {Uint16Array} xy
 */
function crowding(xy) {
  const n = xy.length / 2, side = Math.min(64, Math.max(2, Math.floor(Math.sqrt(n) / 2))), wide = 65536 / side;
  const counts = new Float64Array(side * side), step = 2 * Math.max(1, Math.floor(n / 200_000));
  for (let i = 0; i < xy.length; i += step) if (xy[i] !== NOWHERE) counts[Math.floor(xy[i + 1] / wide) * side + Math.floor(xy[i] / wide)] += 1;
  let roots = 0, all = 0;
  for (const count of counts) { roots += count * Math.sqrt(count); all += count; }
  return all ? Math.max(1, (roots / all) ** 2 * (step / 2) * side * side) : 1;
}

/** A scatter on a canvas that its owner sizes (`resize`). Throws where the browser has no WebGL2. */
export class Scatter {
  /** @param {HTMLCanvasElement} canvas @param {{margin?: number, onDraw?: () => void, onLost?: () => void, onRestored?: () => void}} [options] */
  constructor(canvas, { margin = 40, onDraw = () => {}, onLost = () => {}, onRestored = () => {} } = {}) {
    const gl = canvas.getContext("webgl2", { antialias: false, depth: false, alpha: true });
    if (!gl) throw new Error("no WebGL2");
    this.canvas = canvas;
    this.gl = gl;
    this.margin = margin;
    this.onDraw = onDraw;
    this.n = 0;
    this.width = this.height = 1;
    this.density = 1;
    /** @type {Extent} */
    this.extent = [0, 1, 0, 1];
    /** @type {View} */
    this.view = { x: 0.5, y: 0.5, scale: 1 };
    this.fitted = 1;
    /** @type {Uint16Array} */ this.places = new Uint16Array(0);
    this.before = this.places;
    this.marks = new Uint8Array(0);
    /** @type {Record<string, WebGLUniformLocation | null>} */ this.at = {};
    /** @type {WebGLBuffer[]} */ this.buffers = [];
    /** @type {WebGLProgram | null} */ this.program = null;
    this.t = 1;
    this.crowd = 1;
    this.nSelected = 0;
    this.frame = 0;
    this.moving = 0;
    this.lost = false;
    /** @type {Look} */
    this.look = { palette: ["#0072B2"], none: "#8C887E", ramp: Array(9).fill("#0072B2"), surface: "#FFFFFF", byValue: false };
    this.gone = (/** @type {Event} */ event) => { event.preventDefault(); this.lost = true; onLost(); };
    this.back = () => { this.lost = false; this.#setup(); this.#upload(); this.draw(); onRestored(); };
    canvas.addEventListener("webglcontextlost", this.gone);
    canvas.addEventListener("webglcontextrestored", this.back);
    this.#setup();
  }

  #setup() {
    const gl = this.gl, program = gl.createProgram();
    for (const [type, source] of /** @type {[number, string][]} */ ([[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]])) {
      const shader = /** @type {WebGLShader} */ (gl.createShader(type));
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(`points cannot be drawn: ${gl.getProgramInfoLog(program)}`);
    gl.useProgram(program);
    this.program = program;
    this.at = Object.fromEntries(["place", "t", "size", "part", "byValue", "palette", "none", "ramp", "colours", "alpha", "plain", "surface"].map((name) => [name, gl.getUniformLocation(program, name)]));
    this.buffers = [0, 1, 2].map(() => gl.createBuffer());
    this.buffers.forEach((buffer, i) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.enableVertexAttribArray(i);
      if (i < 2) gl.vertexAttribPointer(i, 2, gl.UNSIGNED_SHORT, false, 4, 0);
      else gl.vertexAttribPointer(i, 4, gl.UNSIGNED_BYTE, false, 4, 0);
    });
    gl.disable(gl.DEPTH_TEST);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  /** @param {number} i @param {ArrayBufferView} data */
  #fill(i, data) {
    const gl = this.gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[i]);
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
  }

  #upload() { this.#fill(0, this.before); this.#fill(1, this.places); this.#fill(2, this.marks); }

  /** Set the places: x, y, x, y, ... from 0 to 65534 of the extent; 65535 for none. @param {Uint16Array} xy @param {Extent} [extent] */
  setPoints(xy, extent = this.extent) {
    cancelAnimationFrame(this.moving);
    if (xy.length / 2 !== this.n) { this.n = xy.length / 2; this.marks = new Uint8Array(4 * this.n).fill(0); this.nSelected = 0; this.#fill(2, this.marks); }
    const same = extent.every((side, i) => side === this.extent[i]);
    this.places = this.before = xy;
    this.crowd = crowding(xy);
    this.extent = extent;
    this.t = 1;
    this.#fill(0, xy);
    this.#fill(1, xy);
    if (!same) this.fit();
  }

  /** Move the points to other places of the same extent. @param {Uint16Array} xy @param {number} ms  0 for a cut */
  animateTo(xy, ms) {
    if (ms <= 0 || xy.length !== this.places.length) { this.setPoints(xy); this.draw(); return; }
    cancelAnimationFrame(this.moving);
    this.before = this.places;
    this.places = xy;
    this.#fill(0, this.before);
    this.#fill(1, xy);
    const start = performance.now();
    const step = () => {
      const share = Math.min(1, (performance.now() - start) / ms);
      this.t = share * share * (3 - 2 * share);
      this.draw();
      if (share < 1) this.moving = requestAnimationFrame(step);
    };
    step();
  }

  /** @param {Uint8Array} classes  255 for none */
  setClasses(classes) { this.#mark(0, classes); }

  /** @param {Uint8Array} values  from 0 to 254 of the range; 255 for none */
  setValues(values) { this.#mark(1, values); }

  /** @param {number} at @param {Uint8Array} values */
  #mark(at, values) {
    for (let i = 0, n = Math.min(this.n, values.length); i < n; i += 1) this.marks[4 * i + at] = values[i];
    this.#fill(2, this.marks);
  }

  /** Set which rows are selected: bit i & 7 of byte i >> 3; no bytes for no selection. @param {Uint8Array} bits */
  setSelected(bits) { this.nSelected = this.#flag(SELECTED, bits); }

  /** Set which rows are drawn hollow. @param {Uint8Array} bits */
  setHollow(bits) { this.#flag(WANDERS, bits); }

  /** @param {number} flag @param {Uint8Array} bits @returns {number} how many are set */
  #flag(flag, bits) {
    let set = 0;
    const { marks, n } = this;
    for (let i = 0, at = 2; i < n; i += 1, at += 4) {
      const on = (bits[i >> 3] >> (i & 7)) & 1;
      marks[at] = on ? marks[at] | flag : marks[at] & ~flag;
      set += on;
    }
    this.#fill(2, marks);
    return set;
  }

  /** @param {number} width @param {number} height  px of the page @param {number} [density]  px of the screen for one of the page */
  resize(width, height, density = 1) {
    if (width === this.width && height === this.height && density === this.density) return;
    const all = this.view.scale === this.fitted;
    this.width = width; this.height = height; this.density = density;
    this.canvas.width = Math.max(1, Math.round(width * density));
    this.canvas.height = Math.max(1, Math.round(height * density));
    if (all) this.fit();
  }

  /** Show all points. */
  fit() {
    const [left, right, low, high] = this.extent;
    this.fitted = Math.max(1e-9, Math.min((this.width - 2 * this.margin) / (right - left), (this.height - 2 * this.margin) / (high - low)));
    this.view = { x: (left + right) / 2, y: (low + high) / 2, scale: this.fitted };
  }

  /** @param {number} dx @param {number} dy  px */
  pan(dx, dy) { this.view = { ...this.view, x: this.view.x - dx / this.view.scale, y: this.view.y + dy / this.view.scale }; }

  /** Come nearer, the point under x, y stays. @param {number} factor @param {number} [x] @param {number} [y] */
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const [u, v] = this.toData(x, y);
    const scale = Math.min(this.fitted * 400, Math.max(this.fitted / 2, this.view.scale * factor));
    this.view = { x: u - (x - this.width / 2) / scale, y: v + (y - this.height / 2) / scale, scale };
  }

  /** @param {number} x @param {number} y  px @returns {[number, number]} in units of the data */
  toData(x, y) { return [this.view.x + (x - this.width / 2) / this.view.scale, this.view.y - (y - this.height / 2) / this.view.scale]; }

  /** @param {number} x @param {number} y  in units of the data @returns {[number, number]} px */
  fromData(x, y) { return [this.width / 2 + (x - this.view.x) * this.view.scale, this.height / 2 - (y - this.view.y) * this.view.scale]; }

  /** From places on the grid to px: x = u * a + b, y = v * c + d. @returns {[number, number, number, number]} */
  toPx() {
    const [left, right, low, high] = this.extent, { x, y, scale } = this.view;
    return [(right - left) / GRID * scale, this.width / 2 + (left - x) * scale, -(high - low) / GRID * scale, this.height / 2 - (low - y) * scale];
  }

  /** Where a row is, in px; null where it has no place. @param {number} row @returns {[number, number] | null} */
  where(row) { return row < this.n ? this.whereGrid(this.places[2 * row], this.places[2 * row + 1]) : null; }

  /** @param {number} u @param {number} v @returns {[number, number] | null} */
  whereGrid(u, v) { const [a, b, c, d] = this.toPx(); return u === NOWHERE ? null : [u * a + b, v * c + d]; }

  /** The nearest row within some px, or -1. @param {number} x @param {number} y @param {number} [within] */
  pick(x, y, within = 9) {
    const [a, b, c, d] = this.toPx(), xy = this.places;
    let best = -1, least = within * within;
    for (let i = 0, n = 2 * this.n; i < n; i += 2) {
      const dx = xy[i] * a + b - x;
      if (dx > within || dx < -within || xy[i] === NOWHERE) continue;
      const dy = xy[i + 1] * c + d - y, far = dx * dx + dy * dy;
      if (far < least) { least = far; best = i / 2; }
    }
    return best;
  }

  /** The nearest row in a direction, within 45 degrees of it, or -1. @param {number} row @param {number} right @param {number} down */
  toward(row, right, down) {
    const from = this.where(row) ?? [this.width / 2, this.height / 2];
    const [a, b, c, d] = this.toPx(), xy = this.places;
    let best = -1, least = Infinity;
    for (let i = 0, n = 2 * this.n; i < n; i += 2) {
      if (xy[i] === NOWHERE) continue;
      const dx = xy[i] * a + b - from[0], dy = xy[i + 1] * c + d - from[1];
      const along = dx * right + dy * down, off = Math.abs(dx * down) + Math.abs(dy * right);
      if (along > 0.01 && off <= along && along + 2 * off < least) { least = along + 2 * off; best = i / 2; }
    }
    return best;
  }

  /** How far points are apart in px, where most of them lie. */
  get spacing() {
    const [left, right, low, high] = this.extent;
    return this.view.scale * Math.sqrt(((right - left) * (high - low)) / this.crowd);
  }

  /** Size of a marker in px: as large as there is room, and so large that some thousands still show their shapes. */
  get size() { return Math.min(10, Math.max(1.5, 10.5 - 1.5 * Math.log10(this.n + 1), 1.6 * this.spacing)); }

  /** Draw on the next frame, however often it is called. */
  redraw() { if (!this.frame) this.frame = requestAnimationFrame(() => { this.frame = 0; this.draw(); }); }

  /** Draw now. */
  draw() {
    if (this.lost) return;
    const { gl, at, look } = this, size = this.size;
    const alpha = Math.min(0.75, Math.max(0.12, this.spacing / size)); // 1 / sqrt(points a marker's own area)
    const [a, b, c, d] = this.toPx(), { width, height } = this;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!this.n) { this.onDraw(); return; }
    gl.uniform4f(at.place, (2 * a) / width, (-2 * c) / height, (2 * b) / width - 1, 1 - (2 * d) / height);
    gl.uniform1f(at.t, this.t);
    gl.uniform1f(at.size, size * this.density);
    gl.uniform1i(at.byValue, Number(look.byValue));
    gl.uniform1i(at.plain, Number(size * this.density < 4));
    gl.uniform1i(at.colours, look.palette.length);
    gl.uniform3fv(at.palette, look.palette.flatMap(rgb));
    gl.uniform3fv(at.ramp, look.ramp.flatMap(rgb));
    gl.uniform3fv(at.none, rgb(look.none));
    gl.uniform3fv(at.surface, rgb(look.surface));
    gl.uniform1f(at.alpha, alpha);
    for (const part of this.nSelected ? [1, 2] : [0]) {
      gl.uniform1i(at.part, part);
      gl.drawArrays(gl.POINTS, 0, this.n);
    }
    this.onDraw();
  }

  /** Draw, and wait until it is done: what measures how long it takes calls this. */
  finish() {
    this.draw();
    this.gl.readPixels(0, 0, 1, 1, this.gl.RGBA, this.gl.UNSIGNED_BYTE, new Uint8Array(4));
  }

  dispose() {
    cancelAnimationFrame(this.frame);
    cancelAnimationFrame(this.moving);
    this.canvas.removeEventListener("webglcontextlost", this.gone);
    this.canvas.removeEventListener("webglcontextrestored", this.back);
    for (const buffer of this.buffers) this.gl.deleteBuffer(buffer);
    this.gl.deleteProgram(this.program);
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}
