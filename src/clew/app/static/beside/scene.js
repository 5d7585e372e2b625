// @ts-check
/** An image with outlines on a canvas: drawing it, and what lies where. */
import { BRIGHT, DASHES } from "../core/marks.js";
import { state } from "../core/state.js";
import { isSelected } from "./choose.js";
import { token } from "./light.js";

/**
 * @typedef {Object} Scene
 * @property {any} meta              what "beside.image" tells
 * @property {Float32Array} points   corners x, y in px of the image
 * @property {Uint32Array} starts    where each outline begins
 * @property {Int32Array} rows       whose it is; -1: sealed or not measured
 * @property {Int32Array} groups
 * @property {number[][]} boxes      x0, y0, x1, y1 of each outline
 */
/** @typedef {{x: number, y: number, zoom: number}} View  the upper left corner in px of the image; 1: the whole image */

// as the groups: 2 is green, 3 is purple
export const OUTLINES = [...BRIGHT.slice(0, 2), "#2FCFA0", "#CC79A7", ...BRIGHT.slice(4)];
const CASING = "rgba(16,17,20,.75)", OTHERS = "rgba(154,154,154,.9)";

/** @param {Float32Array} points @param {Uint32Array} starts @returns {number[][]} */
export function boxesOf(points, starts) {
  const boxes = [];
  for (let i = 0; i + 1 < starts.length; i += 1) {
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (let k = starts[i]; k < starts[i + 1]; k += 1) {
      const x = points[2 * k], y = points[2 * k + 1];
      box[0] = Math.min(box[0], x); box[1] = Math.min(box[1], y); box[2] = Math.max(box[2], x); box[3] = Math.max(box[3], y);
    }
    boxes.push(box);
  }
  return boxes;
}

/** Whether a point lies within an outline, by the even-odd rule. @param {Scene} scene @param {number} i @param {number} x @param {number} y */
function within(scene, i, x, y) {
  const { points, starts } = scene;
  let inside = false;
  for (let k = starts[i], before = starts[i + 1] - 1; k < starts[i + 1]; before = k, k += 1) {
    const ax = points[2 * k], ay = points[2 * k + 1], bx = points[2 * before], by = points[2 * before + 1];
    if ((ay > y) !== (by > y) && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

/** The outline of an open row at a place, or one that is at most ``near`` px away; -1 for none. @param {Scene} scene @param {[number, number]} at @param {number} near */
export function hit(scene, [x, y], near) {
  let best = -1, least = near;
  for (let i = 0; i < scene.rows.length; i += 1) {
    const [x0, y0, x1, y1] = scene.boxes[i];
    if (scene.rows[i] < 0 || x < x0 - near || x > x1 + near || y < y0 - near || y > y1 + near) continue;
    if (within(scene, i, x, y)) return i;
    const away = Math.hypot(Math.max(x0 - x, 0, x - x1), Math.max(y0 - y, 0, y - y1)) + 0.01;
    if (away < least) { best = i; least = away; }
  }
  return best;
}

/** The row nearest to another one in a direction; itself where there is none. @param {Scene} scene @param {number} row @param {[number, number]} way */
export function neighbour(scene, row, way) {
  const middle = (/** @type {number} */ i) => [(scene.boxes[i][0] + scene.boxes[i][2]) / 2, (scene.boxes[i][1] + scene.boxes[i][3]) / 2];
  const from = Math.max(0, scene.rows.indexOf(row)), [x, y] = middle(from);
  let best = row, least = Infinity;
  for (let i = 0; i < scene.rows.length; i += 1) {
    if (scene.rows[i] < 0 || scene.rows[i] === row) continue;
    const [a, b] = middle(i), along = (a - x) * way[0] + (b - y) * way[1], across = Math.abs((a - x) * way[1] - (b - y) * way[0]);
    if (along > 0 && across <= along && along + 2 * across < least) { best = scene.rows[i]; least = along + 2 * across; }
  }
  return best;
}

/** A length that is a round number, about a fifth of 300 px long on the screen. @param {number | null} pixel  µm of a pixel @param {number} scale */
export function scaleBar(pixel, scale) {
  const one = pixel ?? 1, wanted = (60 / scale) * one, power = 10 ** Math.floor(Math.log10(wanted));
  const length = [5, 2, 1].map((n) => n * power).find((n) => n <= wanted) ?? power;
  return { px: (length / one) * scale, text: `${Number(length.toPrecision(3))} ${pixel ? "µm" : "px"}` };
}

/**
 * Draw an image and its outlines.
 * @param {HTMLCanvasElement} canvas @param {Scene} scene
 * @param {{whole: HTMLImageElement | null, part: {picture: HTMLImageElement, box: number[]} | null, view: View, scale: number, left: number, width: number, tall: number, drag: any}} how
 */
export function drawScene(canvas, scene, { whole, part, view, scale, left, width, tall, drag }) {
  const dots = devicePixelRatio, pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  if (canvas.width !== Math.round(width * dots) || canvas.height !== Math.round(tall * dots)) { canvas.width = Math.round(width * dots); canvas.height = Math.round(tall * dots); }
  const X = (/** @type {number} */ x) => left + (x - view.x) * scale, Y = (/** @type {number} */ y) => (y - view.y) * scale;
  pen.setTransform(dots, 0, 0, dots, 0, 0);
  pen.fillStyle = "#0b0c0e";
  pen.fillRect(0, 0, width, tall);
  pen.imageSmoothingEnabled = scale < 3;
  if (whole) pen.drawImage(whole, X(0), Y(0), scene.meta.width * scale, scene.meta.height * scale);
  if (part) pen.drawImage(part.picture, X(part.box[0]), Y(part.box[1]), (part.box[2] - part.box[0]) * scale, (part.box[3] - part.box[1]) * scale);
  pen.lineJoin = "round";
  for (let i = 0; i < scene.rows.length; i += 1) {
    const [x0, y0, x1, y1] = scene.boxes[i];
    if (X(x1) < 0 || X(x0) > width || Y(y1) < 0 || Y(y0) > tall) continue;
    outline(pen, scene, i, X, Y);
  }
  ring(pen, scene, X, Y);
  if (drag?.moved && !drag.pans) {
    pen.setLineDash([4, 3]); pen.lineWidth = 1.5; pen.strokeStyle = "#F0899B";
    pen.strokeRect(X(drag.from[0]), Y(drag.from[1]), (drag.to[0] - drag.from[0]) * scale, (drag.to[1] - drag.from[1]) * scale);
    pen.setLineDash([]);
  }
}

/** @param {CanvasRenderingContext2D} pen @param {Scene} scene @param {number} i @param {(x: number) => number} X @param {(y: number) => number} Y */
function outline(pen, scene, i, X, Y) {
  const row = scene.rows[i], group = scene.groups[i], chosen = row >= 0 && isSelected(row), some = state.selection.id !== 0;
  pen.beginPath();
  for (let k = scene.starts[i]; k < scene.starts[i + 1]; k += 1) pen.lineTo(X(scene.points[2 * k]), Y(scene.points[2 * k + 1]));
  pen.closePath();
  pen.setLineDash([]);
  if (row < 0) { pen.strokeStyle = CASING; pen.lineWidth = 2; pen.stroke(); pen.strokeStyle = OTHERS; pen.lineWidth = 0.9; pen.stroke(); return; }
  const emphasis = chosen || row === state.hovered;
  pen.globalAlpha = emphasis || !some ? 1 : 0.75;
  pen.strokeStyle = CASING; pen.lineWidth = emphasis ? 4 : 3; pen.stroke();
  if (chosen) { pen.fillStyle = "rgba(255,255,255,.16)"; pen.fill(); }
  pen.strokeStyle = row === state.hovered ? "#FFFFFF" : group < 0 ? "#E9E7E2" : OUTLINES[group % 6];
  pen.lineWidth = emphasis ? 2.2 : some ? 1.1 : 1.4;
  pen.setLineDash(group < 0 ? [] : DASHES[group % 6]);
  pen.stroke();
  pen.setLineDash([]);
  pen.globalAlpha = 1;
}

/** Round the pinned row. @param {CanvasRenderingContext2D} pen @param {Scene} scene @param {(x: number) => number} X @param {(y: number) => number} Y */
function ring(pen, scene, X, Y) {
  const at = state.pinned === null ? -1 : scene.rows.indexOf(state.pinned);
  if (at < 0) return;
  const [x0, y0, x1, y1] = scene.boxes[at];
  const radius = Math.max(9, Math.hypot(X(x1) - X(x0), Y(y1) - Y(y0)) / 2 + 4);
  for (const [colour, line] of /** @type {[string, number][]} */ ([["#FFFFFF", 5], [document.documentElement.dataset.theme === "dark" ? "#B8435C" : token("--thread"), 2.5]])) {
    pen.beginPath(); pen.arc(X((x0 + x1) / 2), Y((y0 + y1) / 2), radius, 0, 2 * Math.PI);
    pen.strokeStyle = colour; pen.lineWidth = line; pen.stroke();
  }
}
