// @ts-check
/** Numbers and counts as the page says them. Import-free. */

/** A number in few digits, with a true minus. @param {number} x */
export function number(x) {
  if (!Number.isFinite(x)) return "–";
  const size = Math.abs(x);
  const text = size !== 0 && (size >= 1e6 || size < 1e-3) ? x.toExponential(2) : size >= 100 ? Math.round(x).toLocaleString("en") : String(Number(x.toPrecision(3)));
  return text.replace("-", "−");
}

/** "1,234". @param {number} n */
export function count(n) { return n.toLocaleString("en"); }

/** "1 row", "2 rows". @param {number} n @param {string} one @param {string} [many] */
export function counted(n, one, many) { return `${count(n)} ${n === 1 ? one : many ?? `${one}s`}`; }

/** "0.93 [0.89, 0.96]" of {value, low, high}. @param {{value: number|null, low?: number|null, high?: number|null}} figure @param {number} [digits] */
export function figure(figure, digits = 2) {
  const said = (/** @type {number|null|undefined} */ x) => (x === null || x === undefined ? "–" : x.toFixed(digits).replace("-", "−"));
  return figure.low === null || figure.low === undefined ? said(figure.value) : `${said(figure.value)} [${said(figure.low)}, ${said(figure.high)}]`;
}
