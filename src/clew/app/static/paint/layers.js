// @ts-check
/** Pictures of pixels: channels with contrast and colour, classes, probabilities, uncertainty, SHAP values. Import-free. */

/** @typedef {{data: Uint8Array | Uint16Array, low: number, high: number, colour: number[], on: boolean}} Channel */
/** @typedef {{top: number, left: number, step: number, rows: number, columns: number, canvas: HTMLCanvasElement}} Layer */
/**
 * What the live forest says of a box of pixels.
 * @typedef {{top: number, left: number, step: number, rows: number, columns: number, classes: Uint8Array, shares: Uint8Array[], order: number[]}} Answer
 */

/** "#56B4E9" as [86, 180, 233]. @param {string} hex */
export const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

/** Dark to bright, like inferno: uncertainty and probability. */
const EMBER = ["#0B0A14", "#2A1143", "#5E1A6B", "#93284F", "#C84A3A", "#EE8B2D", "#FBD36B", "#FCF7C0"].map(rgb);
/** Blue over paper to rust: against and for. */
const SIGNED = ["#1F4E8C", "#5C8FC2", "#B9CFE2", "#F4F1EA", "#EBB89A", "#CE7450", "#A13E20"].map(rgb);

/** A ramp of 256 colours. @param {number[][]} stops @returns {Uint8Array} */
function ramp(stops) {
  const all = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; i += 1) {
    const at = (i / 255) * (stops.length - 1), k = Math.min(stops.length - 2, Math.floor(at)), part = at - k;
    for (let c = 0; c < 3; c += 1) all[3 * i + c] = Math.round(stops[k][c] * (1 - part) + stops[k + 1][c] * part);
  }
  return all;
}
export const UNSURE = ramp(EMBER);
export const PUSHES = ramp(SIGNED);

/** A ramp as a CSS gradient. @param {Uint8Array} colours */
export const gradient = (colours) => `linear-gradient(90deg, ${[0, 42, 85, 128, 170, 212, 255].map((i) => `rgb(${colours[3 * i]} ${colours[3 * i + 1]} ${colours[3 * i + 2]})`).join(", ")})`;

/** @param {number} rows @param {number} columns */
function blank(rows, columns) {
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  return canvas;
}

/** @param {number} rows @param {number} columns @param {(out: Uint8ClampedArray) => void} fill @returns {HTMLCanvasElement} */
function drawn(rows, columns, fill) {
  const canvas = blank(rows, columns);
  const pixels = new ImageData(columns, rows);
  fill(pixels.data);
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).putImageData(pixels, 0, 0);
  return canvas;
}

/** Channels laid over each other, each stretched between its low and high. @param {Channel[]} channels @param {number} rows @param {number} columns */
export function composed(channels, rows, columns) {
  return drawn(rows, columns, (out) => {
    const shown = channels.filter((one) => one.on);
    const tables = shown.map((one) => {
      const table = new Uint8Array(one.data instanceof Uint8Array ? 256 : 65536), width = Math.max(one.high - one.low, 1e-9);
      for (let v = 0; v < table.length; v += 1) table[v] = Math.max(0, Math.min(255, Math.round(((v - one.low) / width) * 255)));
      return table;
    });
    for (let i = 0, o = 0; i < rows * columns; i += 1, o += 4) {
      let r = 0, g = 0, b = 0;
      for (let c = 0; c < shown.length; c += 1) {
        const light = tables[c][shown[c].data[i]], [red, green, blue] = shown[c].colour;
        r += light * red; g += light * green; b += light * blue;
      }
      out[o] = r / 255; out[o + 1] = g / 255; out[o + 2] = b / 255; out[o + 3] = 255;  // clamped
    }
  });
}

/** Whether a pixel of an outline of class ``n`` is drawn: solid, dashed, dotted, dash-dot, ... @param {number} n @param {number} along */
function dash(n, along) {
  switch ((n - 1) % 6) {
    case 1: return along % 5 < 3;
    case 2: return along % 3 < 1;
    case 3: return along % 8 < 4 || along % 8 === 6;
    case 4: return along % 10 < 8;
    case 5: return along % 12 < 7;
    default: return true;
  }
}

/**
 * Classes as tints with outlines; the commonest class, mostly the ground, is only hinted at.
 * @param {Answer} answer @param {number[][]} palette @param {number} faint  the class that is hinted at
 */
export function classesOf(answer, palette, faint) {
  const { rows, columns, classes, step } = answer;
  return drawn(rows, columns, (out) => {
    for (let y = 0, i = 0; y < rows; y += 1) {
      for (let x = 0; x < columns; x += 1, i += 1) {
        const n = classes[i];
        if (!n) continue;
        const [r, g, b] = palette[(n - 1) % palette.length], o = 4 * i;
        const edge = step === 1 && n !== faint && (
          (x + 1 < columns && classes[i + 1] !== n) || (x > 0 && classes[i - 1] !== n) ||
          (y + 1 < rows && classes[i + columns] !== n) || (y > 0 && classes[i - columns] !== n));
        out[o] = r; out[o + 1] = g; out[o + 2] = b;
        out[o + 3] = edge && dash(n, x + y) ? 255 : n === faint ? 22 : 120;
      }
    }
  });
}

/** The share of each pixel, 0 to 255, that one class has. @param {Answer} answer @param {number} n @returns {Uint8Array | null} */
function share(answer, n) { return answer.shares[answer.order.indexOf(n)] ?? null; }

/** The probability of class ``n``. @param {Answer} answer @param {number} n */
export function probabilityOf(answer, n) {
  const values = share(answer, n);
  return values && drawn(answer.rows, answer.columns, (out) => painted(out, values.length, (i) => values[i], UNSURE, 235));
}

/** -p log p of p in 255ths. */
const TOLD = Float32Array.from({ length: 256 }, (_, p) => (p ? (-p / 255) * Math.log(p / 255) : 0));

/** The entropy of a pixel's probabilities, 0 to 1. @param {Answer} answer @param {number} i */
export function unsure(answer, i) {
  let sum = 0;
  for (const one of answer.shares) sum += TOLD[one[i]];
  return Math.min(1, sum / Math.log(Math.max(2, answer.shares.length)));
}

/** How uncertain each pixel is. @param {Answer} answer */
export function uncertaintyOf(answer) {
  if (!answer.shares.length) return null;
  return drawn(answer.rows, answer.columns, (out) => painted(out, answer.classes.length, (i) => 255 * unsure(answer, i), UNSURE, 245));
}

/** Signed values, symmetric about 0. @param {Float32Array} values @param {number} rows @param {number} columns @param {number} most */
export function pushesOf(values, rows, columns, most) {
  const scale = most > 0 ? 127.5 / most : 0;
  return drawn(rows, columns, (out) => painted(out, values.length, (i) => 127.5 + values[i] * scale, PUSHES, 255));
}

/** @param {Uint8ClampedArray} out @param {number} n @param {(i: number) => number} value  0 to 255 @param {Uint8Array} colours @param {number} alpha */
function painted(out, n, value, colours, alpha) {
  for (let i = 0, o = 0; i < n; i += 1, o += 4) {
    const at = 3 * Math.max(0, Math.min(255, Math.round(value(i))));
    out[o] = colours[at]; out[o + 1] = colours[at + 1]; out[o + 2] = colours[at + 2]; out[o + 3] = alpha;
  }
}

/** A gray picture. @param {Uint8Array} values @param {number} rows @param {number} columns */
export function grayOf(values, rows, columns) {
  return composed([{ data: values, low: 0, high: 255, colour: [255, 255, 255], on: true }], rows, columns);
}
