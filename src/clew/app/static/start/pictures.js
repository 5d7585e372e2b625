// @ts-check
/** Small drawings of what clew reads; decoration, so hidden from screen readers. */
import { html } from "../vendor/preact-htm.js";

export function Images() {
  const cells = [[30, 34, 16, 10, -30], [66, 22, 11, 17, 10], [104, 42, 17, 11, 40], [46, 78, 12, 18, 60], [92, 86, 19, 12, -15], [124, 96, 8, 11, 0]];
  return html`<svg class="kind" viewBox="0 0 148 116" aria-hidden="true"><rect width="148" height="116" fill="#0d0d0d" />${cells.map(([x, y, a, b, turn], i) => html`<ellipse cx=${x} cy=${y} rx=${a} ry=${b} transform=${`rotate(${turn} ${x} ${y})`} fill=${["#bdbdbd", "#8c8c8c", "#d0d0d0"][i % 3]} />`)}</svg>`;
}

export function Recordings() {
  const trace = (/** @type {number} */ y, /** @type {number} */ seed) => [...Array(148).keys()].map((x) => {
    const size = x < 52 ? 1.2 : 22 * Math.exp(-(x - 52) / 26) + 1.2;
    return `${x ? "L" : "M"}${x} ${(y + size * Math.sin(x * (1.7 + seed) + Math.sin(x * 0.9 + seed) * 2)).toFixed(1)}`;
  }).join("");
  return html`<svg class="kind" viewBox="0 0 148 116" aria-hidden="true"><rect width="148" height="116" fill="var(--surface)" stroke="var(--rule)" />${[24, 58, 92].map((y, i) => html`<path d=${trace(y, i * 0.37)} fill="none" stroke="var(--ink)" stroke-width="0.8" />`)}</svg>`;
}

export function Tables() {
  const rows = [["species", "bill", "mass"], ["Adelie", "39.1", "3750"], ["Adelie", "39.5", "3800"], ["Gentoo", "46.1", "4500"], ["Gentoo", "50.0", "5700"], ["", "NA", "4675"]];
  return html`<svg class="kind" viewBox="0 0 148 116" aria-hidden="true"><rect width="148" height="116" fill="var(--surface)" stroke="var(--rule)" />${rows.map((row, i) => row.map((text, j) => html`<text x=${[8, 96, 140][j]} y=${15 + i * 19} text-anchor=${j ? "end" : "start"} font-size="10" fill=${i ? "var(--ink)" : "var(--ink3)"}>${text}</text>`))}${rows.map((_, i) => html`<path d=${`M0 ${20 + i * 19}H148`} stroke="var(--rule)" />`)}</svg>`;
}
