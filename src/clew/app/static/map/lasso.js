// @ts-check
/** A line drawn round points, by hand. Import-free: the page and the notebook's widget share it. */

/** @typedef {[number, number]} Spot */

/** Fewer vertices, none of them further than ``tolerance`` px from the line (Douglas and Peucker 1973). @param {Spot[]} line @param {number} tolerance @returns {Spot[]} */
export function simplified(line, tolerance) {
  if (line.length < 3) return line;
  const keep = new Uint8Array(line.length);
  keep[0] = keep[line.length - 1] = 1;
  /** @type {[number, number][]} */
  const parts = [[0, line.length - 1]];
  for (let part = parts.pop(); part; part = parts.pop()) {
    const [a, b] = part, [x, y] = line[a], dx = line[b][0] - x, dy = line[b][1] - y, long = Math.hypot(dx, dy);
    let far = tolerance, at = -1;
    for (let i = a + 1; i < b; i += 1) {
      const [u, v] = [line[i][0] - x, line[i][1] - y];
      const off = long > 0 ? Math.abs(u * dy - v * dx) / long : Math.hypot(u, v);
      if (off > far) { far = off; at = i; }
    }
    if (at > 0) { keep[at] = 1; parts.push([a, at], [at, b]); }
  }
  return line.filter((_, i) => keep[i]);
}

/** At most ``most`` vertices, as near to the line as that allows. @param {Spot[]} line @param {number} [most] @returns {Spot[]} */
export function few(line, most = 300) {
  let tolerance = 0.5, found = simplified(line, tolerance);
  while (found.length > most) { tolerance *= 2; found = simplified(line, tolerance); }
  return found;
}

/** What is being drawn: by "lasso" a line, by "rectangle" two corners. */
export class Drawn {
  /** @param {"lasso"|"rectangle"} kind @param {Spot} start */
  constructor(kind, start) { this.kind = kind; this.start = start; /** @type {Spot[]} */ this.line = [start]; }

  /** @param {Spot} spot */
  to(spot) {
    const [x, y] = this.start, [u, v] = spot;
    if (this.kind === "rectangle") { this.line = /** @type {Spot[]} */ ([[x, y], [u, y], [u, v], [x, v]]); return; }
    const last = this.line[this.line.length - 1];
    if (Math.hypot(spot[0] - last[0], spot[1] - last[1]) >= 2) this.line.push(spot);
  }

  /** The polygon in px, or null for what is no more than a click. @returns {Spot[] | null} */
  end() {
    const across = (/** @type {0|1} */ axis) => Math.max(...this.line.map((spot) => spot[axis])) - Math.min(...this.line.map((spot) => spot[axis]));
    if (this.line.length < 3 || Math.max(across(0), across(1)) < 5) return null;
    return this.kind === "rectangle" ? this.line : few(this.line);
  }
}

/** Draw a polygon as selections look. @param {CanvasRenderingContext2D} pen @param {Spot[]} line @param {string} thread */
export function stroke(pen, line, thread) {
  pen.beginPath();
  line.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.closePath();
  pen.globalAlpha = 0.07; // the points under it keep their colours
  pen.fillStyle = thread;
  pen.fill();
  pen.globalAlpha = 1;
  pen.setLineDash([5, 3]);
  pen.lineWidth = 1.5;
  pen.strokeStyle = thread;
  pen.stroke();
  pen.setLineDash([]);
}
