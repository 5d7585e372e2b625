// @ts-check
/** What the painter draws over the image and its answers: strokes, scale bar, the divide, the small map, the brush's ring. */

/** @typedef {import("./painter.js").Painter} Painter */
/** @typedef {import("./painter.js").Stroke} Stroke */

const INK = "#14151A";

/** @param {Painter} p @param {number} ratio */
export function drawStrokes(p, ratio) {
  const c = /** @type {CanvasRenderingContext2D} */ (p.layer.getContext("2d"));
  c.setTransform(1, 0, 0, 1, 0, 0);
  c.clearRect(0, 0, p.layer.width, p.layer.height);
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  c.lineCap = c.lineJoin = "round";
  for (const one of p.strokes) drawStroke(p, c, one);
  if (p.line) drawStroke(p, c, { client: "", class: p.class, radius: p.radius, points: p.line, erase: p.tool === "eraser", saved: true });
  p.context.drawImage(p.layer, 0, 0, p.canvas.clientWidth, p.canvas.clientHeight);
}

/** @param {Painter} p @param {CanvasRenderingContext2D} c @param {Stroke} one */
function drawStroke(p, c, one) {
  const [r, g, b] = p.palette[(one.class - 1 + p.palette.length) % p.palette.length], width = Math.max(2, 2 * one.radius * p.scale);
  const points = one.points.map(([row, column]) => [(column - p.left) * p.scale, (row - p.top) * p.scale]);
  c.beginPath();
  points.forEach(([x, y], i) => (i ? c.lineTo(x, y) : c.moveTo(x, y)));
  if (points.length === 1) c.lineTo(points[0][0] + 0.01, points[0][1]);
  c.globalCompositeOperation = one.erase ? "destination-out" : "source-over";
  c.strokeStyle = INK;
  c.lineWidth = width + (one.erase ? 0 : 2.5);
  c.setLineDash(one.saved || one.erase ? [] : [4, Math.max(7, width)]); // not saved: a casing of dashes
  c.lineCap = one.saved ? "round" : "butt";
  c.stroke();
  c.setLineDash([]);
  c.lineCap = "round";
  c.globalCompositeOperation = "source-over";
  if (one.erase) return;
  c.strokeStyle = `rgb(${r} ${g} ${b})`;
  c.lineWidth = width;
  c.stroke();
  const [x, y] = points[Math.floor(points.length / 2)], size = Math.max(9, Math.min(13, width * 0.75));
  c.font = `700 ${size}px system-ui, sans-serif`;
  c.textAlign = "center"; c.textBaseline = "middle";
  c.lineWidth = 2.5;
  if (width < size + 2) c.strokeText(String(one.class), x, y);
  c.fillStyle = INK;
  c.fillText(String(one.class), x, y + 0.5);
}

/** @param {Painter} p @param {number} h */
export function drawScale(p, h) {
  const unit = p.um || 1, wanted = (100 / p.scale) * unit, ten = 10 ** Math.floor(Math.log10(wanted));
  const length = [5, 2, 1].map((n) => n * ten).find((n) => n <= wanted) ?? ten, wide = (length / unit) * p.scale;
  label(p, `${Number(length.toPrecision(3))} ${p.um ? "µm" : "px"}`, 20, h - 36, false);
  p.context.fillStyle = "#fff";
  p.context.fillRect(20, h - 24, wide, 2);
}

/** @param {Painter} p @param {string} text @param {number} x @param {number} y @param {boolean} plate */
function label(p, text, x, y, plate) {
  const c = p.context;
  c.font = "12px system-ui, sans-serif";
  c.textAlign = "left"; c.textBaseline = "middle";
  if (plate) { c.fillStyle = "rgba(20, 21, 26, .85)"; c.fillRect(x - 8, y - 10, c.measureText(text).width + 16, 20); }
  else { c.strokeStyle = "rgba(0, 0, 0, .6)"; c.lineWidth = 3; c.strokeText(text, x, y); }
  c.fillStyle = "#fff";
  c.fillText(text, x, y);
}

/** @param {Painter} p @param {number} cut @param {number} h */
export function drawDivide(p, cut, h) {
  const c = p.context, name = { none: "image", classes: "classes", probability: "probability", shap: "SHAP" }[p.overlay];
  c.fillStyle = "#fff";
  c.fillRect(cut - 1, 0, 2, h);
  c.beginPath();
  c.arc(cut, h - 60, 12, 0, 7);
  c.fill();
  c.strokeStyle = INK; c.lineWidth = 1.6;
  c.beginPath();
  for (const side of [-1, 1]) { c.moveTo(cut + side * 2.5, h - 64); c.lineTo(cut + side * 6.5, h - 60); c.lineTo(cut + side * 2.5, h - 56); }
  c.stroke();
  c.font = "12px system-ui, sans-serif";
  label(p, name, cut - 18 - c.measureText(name).width, 22, true);
  label(p, "uncertainty", cut + 18, 22, true);
}

/** Where the small map of the whole image lies, if not all of it is seen. @param {Painter} p */
export function mapOf(p) {
  const [top, left, bottom, right] = p.view;
  if (!p.height || (bottom - top > p.height * 0.99 && right - left > p.width * 0.99)) return null;
  const scale = Math.min(150 / p.width, 100 / p.height), w = p.width * scale, h = p.height * scale;
  return { x: p.canvas.clientWidth - w - 12, y: p.canvas.clientHeight - h - 12, w, h, scale };
}

/** @param {Painter} p */
export function drawMap(p) {
  const map = mapOf(p), c = p.context, whole = p.pictures[0]?.canvas;
  if (!map || !whole) return;
  c.imageSmoothingEnabled = true;
  c.drawImage(whole, map.x, map.y, map.w, map.h);
  c.strokeStyle = "#8C887E"; c.lineWidth = 1;
  c.strokeRect(map.x - 0.5, map.y - 0.5, map.w + 1, map.h + 1);
  const [top, left, bottom, right] = p.view;
  c.strokeStyle = "#F0899B"; c.lineWidth = 1.5;
  c.strokeRect(map.x + left * map.scale, map.y + top * map.scale, (right - left) * map.scale, (bottom - top) * map.scale);
}

/** @param {Painter} p */
export function drawRing(p) {
  if (!p.cursor || p.tool === "pan" || p.space || p.doing === "wipe") return;
  const c = p.context, x = (p.cursor[1] - p.left) * p.scale, y = (p.cursor[0] - p.top) * p.scale;
  for (const [colour, width] of /** @type {[string, number][]} */ ([[INK, 3], ["#fff", 1.4]])) {
    c.strokeStyle = colour; c.lineWidth = width;
    c.setLineDash(p.tool === "eraser" ? [4, 3] : []);
    c.beginPath();
    c.arc(x, y, Math.max(2, p.radius * p.scale), 0, 7);
    c.stroke();
  }
  c.setLineDash([]);
}
