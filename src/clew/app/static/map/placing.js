// @ts-check
/** Names beside their points: where there is room, near, and on no other name. Import-free. */

/** @typedef {{x: number, y: number, width: number, height: number}} Box  middle and size in px */
const CELL = 8;

/**
 * Find a place for the name of each class.
 * @param {Object} given
 * @param {number} given.width
 * @param {number} given.height
 * @param {Uint16Array} given.places            x, y of each row on the grid; 65535: none
 * @param {[number, number, number, number]} given.toPx  x = u * a + b, y = v * c + d
 * @param {Uint8Array} given.classes            class of each row; 255: none
 * @param {{width: number, height: number}[]} given.sizes  of the names, from class 0 on
 * @param {Box[]} given.taken                   where no name may stand
 * @returns {(Box | null)[]}                    null for a class of which nothing is in sight
 */
export function place({ width, height, places, toPx, classes, sizes, taken }) {
  const columns = Math.ceil(width / CELL), lines = Math.ceil(height / CELL), cells = columns * lines;
  const all = new Float64Array(cells), own = sizes.map(() => new Uint32Array(cells));
  const [a, b, c, d] = toPx;
  for (let i = 0; i < classes.length; i += 1) {
    const column = Math.floor((places[2 * i] * a + b) / CELL), line = Math.floor((places[2 * i + 1] * c + d) / CELL);
    if (places[2 * i] === 65535 || column < 0 || line < 0 || column >= columns || line >= lines) continue;
    const cell = line * columns + column;
    all[cell] += 1;
    if (classes[i] < sizes.length) own[classes[i]][cell] += 1;
  }
  const sums = summed(all, columns, lines);
  const put = [...taken];
  return sizes.map((size, kind) => {
    const best = placeOne({ width, height, columns, size, own: own[kind], sums, put });
    if (best) put.push(best);
    return best;
  });
}

/** Sums over all cells above and left of each corner. @param {Float64Array} all @param {number} columns @param {number} lines */
function summed(all, columns, lines) {
  const sums = new Float64Array((columns + 1) * (lines + 1));
  for (let y = 0; y < lines; y += 1) for (let x = 0; x < columns; x += 1) {
    sums[(y + 1) * (columns + 1) + x + 1] = Math.min(1, all[y * columns + x]) + sums[y * (columns + 1) + x + 1] + sums[(y + 1) * (columns + 1) + x] - sums[y * (columns + 1) + x];
  }
  return sums;
}

/** @param {{width: number, height: number, columns: number, size: {width: number, height: number}, own: Uint32Array, sums: Float64Array, put: Box[]}} given @returns {Box | null} */
function placeOne({ width, height, columns, size, own, sums, put }) {
  const peak = own.reduce((most, n) => Math.max(most, n), 0);
  if (!peak) return null;
  const core = [], least = Math.max(1, peak / 12);
  let middle = 0, weight = 0;
  for (let cell = 0; cell < own.length; cell += 1) {
    if (own[cell] < least) continue;
    const x = (cell % columns + 0.5) * CELL, y = (Math.floor(cell / columns) + 0.5) * CELL;
    core.push([x, y]);
    middle += x * own[cell];
    weight += own[cell];
  }
  middle /= weight;
  const some = core.filter((_, i) => i % Math.ceil(core.length / 150) === 0);
  let best = null, cost = Infinity;
  const [halfWidth, halfHeight] = [size.width / 2 + 4, size.height / 2 + 3];
  for (let y = halfHeight; y <= height - halfHeight; y += CELL) for (let x = halfWidth + 8; x <= width - halfWidth - 8; x += 1.5 * CELL) {
    if (put.some((box) => Math.abs(box.x - x) < halfWidth + box.width / 2 && Math.abs(box.y - y) < halfHeight + box.height / 2)) continue;
    const covered = within(sums, columns, x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight);
    let near = Infinity;
    for (const [u, v] of some) near = Math.min(near, Math.hypot(Math.max(0, Math.abs(u - x) - halfWidth), Math.max(0, Math.abs(v - y) - halfHeight)));
    const now = covered * 12 + near + 0.12 * Math.abs(x - middle);
    if (now < cost) { cost = now; best = { x, y, ...size }; }
  }
  return best;
}

/** How many cells that a box touches hold points. @param {Float64Array} sums @param {number} columns @param {number} left @param {number} top @param {number} right @param {number} bottom */
function within(sums, columns, left, top, right, bottom) {
  const lines = sums.length / (columns + 1) - 1;
  const x0 = Math.max(0, Math.floor(left / CELL)), x1 = Math.min(columns, Math.ceil(right / CELL));
  const y0 = Math.max(0, Math.floor(top / CELL)), y1 = Math.min(lines, Math.ceil(bottom / CELL));
  const at = (/** @type {number} */ x, /** @type {number} */ y) => sums[y * (columns + 1) + x];
  return at(x1, y1) - at(x0, y1) - at(x1, y0) + at(x0, y0);
}
