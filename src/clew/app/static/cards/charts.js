// @ts-check
/**
 * The charts of the page, in one grammar: the data in ink, what chance would give in the grey of references, what is
 * chosen in thread; every estimate with its interval. Colours are tokens, so that dark paper needs no redrawing.
 */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";

/** @typedef {{value: number|null, low?: number|null, high?: number|null}} Figure */
/** @typedef {{x: number, value: number|null, low?: number|null, high?: number|null}} Point */
/** @typedef {{head: string[], rows: any[][]}} Table */

// ---- what all charts are made of ----

/** The width in px of an element, as it changes. @param {number} before what to take until it is known @returns {[any, number]} */
export function useWidth(before) {
  const ref = useRef(/** @type {any} */ (null));
  const [width, setWidth] = useState(before);
  useEffect(() => {
    const watcher = new ResizeObserver(([one]) => { if (one.contentRect.width) setWidth(Math.round(one.contentRect.width)); });
    watcher.observe(ref.current);
    return () => watcher.disconnect();
  }, []);
  return [ref, width];
}

/** A straight scale. @param {number} from @param {number} to @param {number} start @param {number} end @returns {(x: number) => number} */
export function scale(from, to, start, end) {
  return (x) => start + ((x - from) / (to - from || 1)) * (end - start);
}

/** About ``most`` round numbers from ``low`` to ``high``. @param {number} low @param {number} high @param {number} [most] */
export function ticks(low, high, most = 4) {
  const rough = (high - low || 1) / most, size = 10 ** Math.floor(Math.log10(rough));
  const step = size * (rough / size > 5 ? 10 : rough / size > 2.5 ? 5 : rough / size > 2 ? 2.5 : rough / size > 1 ? 2 : 1);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i <= high / step + 1e-9; i += 1) found.push(Number((i * step).toPrecision(10)));
  return found;
}

/** @param {number} x */
const written = (x) => String(Number(x.toPrecision(4))).replace("-", "−");

/** @param {(number|null|undefined)[]} values @returns {number[]} */
const known = (values) => /** @type {number[]} */ (values.filter((one) => Number.isFinite(one)));

/** A path through points that are known. @param {[number, number][]} places */
const path = (places) => places.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/** The same data as text. @param {Table} props */
export function AsTable({ head, rows }) {
  return html`<details class="as-table"><summary>Show as table</summary><div class="wide"><table>
    <thead><tr>${head.map((one) => html`<th scope="col">${one}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr>${row.map((one, i) => (i ? html`<td>${one}</td>` : html`<th scope="row">${one}</th>`))}</tr>`)}</tbody></table></div></details>`;
}

/** Figure, caption, and the same data as a table. @param {{title?: any, caption?: any, table?: Table, children?: any, inner?: any}} props */
export function Chart({ title, caption, table, children, inner }) {
  return html`<figure class="chart">${title && html`<p class="chart-title">${title}</p>`}<div class="plot" ref=${inner}>${children}</div>
    ${caption && html`<figcaption>${caption}</figcaption>`}${table && html`<${AsTable} ...${table} />`}</figure>`;
}

/** Grid lines with figures at the left. @param {{at: number[], y: (x: number) => number, left: number, right: number}} props */
function Grid({ at, y, left, right }) {
  return html`<g>${at.map((one) => html`<line x1=${left} x2=${right} y1=${y(one)} y2=${y(one)} stroke="var(--rule)" /><text x=${left - 6} y=${y(one) + 4} text-anchor="end" class="tick">${written(one)}</text>`)}</g>`;
}

// ---- curves ----

/**
 * The projected index over k above the bands of single clouds; the numbers below are buttons where ``onPick`` is given.
 * @param {{ks: number[], index: number[], low: number[][], high: number[][], above: boolean[], cut: number, evident: boolean,
 *   title?: string, caption?: string, height?: number, onPick?: (k: number) => void, pickTitle?: (k: number) => string}} props
 */
export function EvidenceCurve({ ks, index, low, high, above, cut, evident, title, caption, height = 152, onPick, pickTitle }) {
  const [ref, width] = useWidth(288);
  const all = known([...index, ...low.flat(), ...high.flat()]);
  const pad = 0.12 * Math.max(Math.max(...all) - Math.min(...all), 0.05);
  const bottom = Math.max(0, Math.min(...all) - pad), top = Math.min(1, Math.max(...all) + pad);
  const x = scale(ks[0] - 0.4, ks[ks.length - 1] + 0.4, 28, width - 2), y = scale(bottom, top, height - 6, 20);
  const band = (/** @type {number} */ kind) => `${path(ks.map((k, i) => [x(k), y(high[kind][i])]))}${path([...ks.keys()].reverse().map((i) => [x(ks[i]), y(low[kind][i])])).replace("M", "L")}Z`;
  const table = {
    head: ["k", "this data", ...low.map((_, i) => (i ? "ellipsoid, 90%" : "one mode a feature, 90%"))],
    rows: ks.map((k, i) => [k, written(index[i]), ...low.map((one, kind) => `${written(one[i])} to ${written(high[kind][i])}`)]),
  };
  return html`<${Chart} title=${title} caption=${caption} table=${table} inner=${ref}>
    <svg width=${width} height=${height} role="img" aria-label="Projected index of this data over k, and what single clouds reach">
      <${Grid} at=${ticks(bottom, top, 4)} y=${y} left=${28} right=${width} />
      ${low.map((_, kind) => html`<path d=${band(kind)} fill="var(--ref)" fill-opacity="0.6" />`)}
      <text x="30" y="11" class="tick">single clouds</text><text x=${width} y="11" text-anchor="end" class="tick ink">this data</text>
      <path d=${path(ks.map((k, i) => [x(k), y(index[i])]))} fill="none" stroke="var(--ink)" stroke-width="1.4" />
      ${ks.map((k, i) => {
        const here = k === cut, filled = above[i] && (evident || !here), ink = here ? "var(--thread)" : "var(--ink)";
        return html`<circle cx=${x(k)} cy=${y(index[i])} r=${here ? 5.5 : 3.2} fill=${filled ? ink : "var(--surface)"} stroke=${ink} stroke-width=${here ? 1.8 : 1.2} />`;
      })}
    </svg>
    <div class="under">${ks.map((k) => (onPick && k !== cut
      ? html`<button class="k" style=${`left:${x(k)}px`} title=${pickTitle ? pickTitle(k) : ""} aria-label=${pickTitle ? pickTitle(k) : `k = ${k}`} onClick=${() => onPick(k)}>${k}</button>`
      : html`<span class=${k === cut ? "k here" : "k"} style=${`left:${x(k)}px`}>${k}</span>`))}</div>
  </${Chart}>`;
}

/** @param {Figure} one */
function spelt(one) {
  const said = (/** @type {any} */ x) => (Number.isFinite(x) ? x.toFixed(2).replace("-", "−") : "–");
  return Number.isFinite(one.low) && Number.isFinite(one.high) ? `${said(one.value)} [${said(one.low)}, ${said(one.high)}]` : said(one.value);
}

// ---- rows ----

/**
 * Rows of dots with intervals on one scale; the table says the same in figures.
 * @param {{rows: {name: any, marks: (Figure & {filled?: boolean})[], chance?: number|null, band?: number[]|null, shuffled?: number|null, said: any[], strong?: boolean}[],
 *   from: number, to: number, head?: any[], caption?: any, title?: any}} props ``said``: the cells at the right; in grey ``chance`` as a stroke,
 *   ``band`` as a bar, ``shuffled`` as a ring
 */
export function IntervalRows({ rows, from, to, head = [], caption, title }) {
  const x = (/** @type {any} */ v) => `${Math.min(100, Math.max(0, ((v - from) / (to - from || 1)) * 100)).toFixed(2)}%`;
  const columns = Math.max(...rows.map((row) => row.said.length), 0);
  return html`<figure class="chart">${title && html`<p class="chart-title">${title}</p>`}
    <table class="rows"><thead><tr><th></th><th></th>${Array.from({ length: columns }, (_, i) => html`<th class="number" scope="col">${head[i] ?? ""}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr><th scope="row">${row.name}</th><td class="dots"><svg width="100%" height="22" aria-hidden="true"><svg x="6" width="calc(100% - 12px)" height="22" overflow="visible">
      ${row.marks.length > 0 && html`<line x1="0" x2="100%" y1="11" y2="11" stroke="var(--rule)" />`}
      ${row.band && html`<line x1=${x(row.band[0])} x2=${x(row.band[1])} y1="11" y2="11" stroke="var(--ref)" stroke-width="7" />`}
      ${Number.isFinite(row.chance) && html`<line x1=${x(row.chance)} x2=${x(row.chance)} y1="3" y2="19" stroke="var(--ref)" stroke-width="2.5" />`}
      ${Number.isFinite(row.shuffled) && html`<circle cx=${x(row.shuffled)} cy="11" r="6.2" fill="none" stroke="var(--ref)" stroke-width="2" />`}
      ${row.marks.map((one, i) => {
        const y = row.marks.length > 1 ? 7 + i * 8 : 11, ink = row.marks.length > 1 && one.filled ? "var(--thread)" : "var(--ink)";
        return Number.isFinite(one.value) && html`<g>${Number.isFinite(one.low) && html`<line x1=${x(one.low)} x2=${x(one.high)} y1=${y} y2=${y} stroke=${ink} stroke-width="1.5" />`}
          <circle cx=${x(one.value)} cy=${y} r="3.6" fill=${one.filled ? ink : "var(--surface)"} stroke=${ink} stroke-width="1.4" /></g>`;
      })}</svg></svg></td>${Array.from({ length: columns }, (_, i) => html`<td class=${row.strong && i === columns - 1 ? "number strong" : "number"}>${row.said[i] ?? ""}</td>`)}</tr>`)}
    <tr class="scale"><th></th><td class="dots"><svg width="100%" height="18" aria-hidden="true"><svg x="6" width="calc(100% - 12px)" height="18" overflow="visible"><line x1="0" x2="100%" y1="1" y2="1" stroke="var(--rule2)" />
      ${ticks(from, to, 4).map((one) => html`<text x=${x(one)} y="14" text-anchor="middle" class="tick">${written(one)}</text>`)}</svg></svg></td>${columns ? html`<td colspan=${columns}></td>` : null}</tr></tbody></table>
    ${caption && html`<figcaption>${caption}</figcaption>`}</figure>`;
}

/**
 * Bars from 0, each with its interval and its figures, below its name; ``member`` rows stand in a little and thinner.
 * @param {{rows: {name: any, value: number, low?: number|null, high?: number|null, said: any, member?: boolean}[], head?: any[], title?: any, caption?: any}} props
 */
export function Bars({ rows, head = [], title, caption }) {
  const most = Math.max(...known(rows.flatMap((row) => [row.value, row.high])), 1e-12);
  const x = (/** @type {any} */ v) => `${Math.max(0, (v / most) * 100).toFixed(2)}%`;
  const columns = Math.max(...rows.map((row) => [row.said].flat().length), 1);
  return html`<figure class="chart">${title && html`<p class="chart-title">${title}</p>`}<table class="rows bars">
    ${head.length > 0 && html`<thead><tr><th></th>${head.map((one) => html`<th class="number" scope="col">${one}</th>`)}</tr></thead>`}
    ${rows.map((row) => html`<tbody class=${row.member ? "member" : ""}><tr><th scope="row">${row.name}</th>${[row.said].flat().map((one) => html`<td class="number">${one}</td>`)}</tr>
      <tr aria-hidden="true"><td colspan=${columns + 1}><svg width="100%" height="10"><rect x="0" y=${row.member ? 3 : 1} width=${x(row.value)} height=${row.member ? 3 : 7} fill=${row.member ? "var(--ref)" : "var(--rule2)"} />
      ${Number.isFinite(row.low) && Number.isFinite(row.high) && html`<line x1=${x(row.low)} x2=${x(row.high)} y1="4.5" y2="4.5" stroke="var(--ink)" stroke-width="1.4" />`}</svg></td></tr></tbody>`)}</table>
    ${caption && html`<figcaption>${caption}</figcaption>`}</figure>`;
}

// ---- densities, heat maps, histograms ----

/**
 * Where the rows of a group lie in a feature, and all others, as areas of equal size.
 * @param {{name: string, unit?: string, inside: number[], outside: number[], from: string, to: string, group: number, who: string}} props densities on an even grid
 */
export function Strip({ name, unit = "", inside, outside, from, to, group, who }) {
  const top = Math.max(...inside, ...outside, 1e-12);
  const area = (/** @type {number[]} */ of) => `M0 30${of.map((v, i) => `L${((i / (of.length - 1)) * 100).toFixed(2)} ${(30 - (v / top) * 27).toFixed(2)}`).join("")}L100 30Z`;
  const ink = `var(--c${group % 6})`, label = `${name}: ${who} against the rest, from ${from} to ${to} ${unit}`;
  return html`<figure class="chart strip" title=${label}><svg viewBox="0 0 100 31" preserveAspectRatio="none" width="100%" height="36" role="img" aria-label=${label}>
      <path d=${area(outside)} fill="var(--ref)" fill-opacity="0.6" stroke="var(--rule2)" vector-effect="non-scaling-stroke" />
      <path d=${area(inside)} fill=${ink} fill-opacity="0.3" stroke=${ink} stroke-width="1.3" vector-effect="non-scaling-stroke" />
      <line x1="0" x2="100" y1="30" y2="30" stroke="var(--rule2)" vector-effect="non-scaling-stroke" /></svg>
    <figcaption><span>${from}</span><span class="what">${name}${unit && ` [${unit}]`}</span><span>${to}</span></figcaption></figure>`;
}

/**
 * Every value of a share as a stroke on a line from ``from`` to 1, their mean in thread.
 * @param {{values: number[], mean: number, from: number, label: string, table?: Table, caption?: any}} props
 */
export function Strokes({ values, mean, from, label, table, caption }) {
  const x = (/** @type {number} */ v) => `${(Math.max(0, (v - from) / (1 - from || 1)) * 100).toFixed(2)}%`;
  return html`<${Chart} table=${table} caption=${caption}><svg width="100%" height="40" role="img" aria-label=${label}><svg x="4" width="calc(100% - 12px)" height="40" overflow="visible">
    <line x1="0" x2="100%" y1="22" y2="22" stroke="var(--rule2)" />
    ${values.map((v) => html`<line x1=${x(v)} x2=${x(v)} y1="6" y2="21" stroke="var(--ink)" stroke-opacity="0.35" stroke-width="1.2" />`)}
    <path d="M-4 0H4L0 5Z" fill="var(--thread)" style=${`transform:translateX(${x(mean)})`} />
    ${ticks(from, 1, 4).map((one) => html`<text x=${x(one)} y="36" text-anchor="middle" class="tick">${written(one)}</text>`)}</svg></svg></${Chart}>`;
}

export const LEGIBLE = 11; // px of a cell beside which its name can be read

/**
 * A matrix of numbers from -1 (blue) to 1 (rust) as cells; what lies under the pointer, or under the arrow keys, is said below it.
 * @param {{values: ArrayLike<number>, rows: string[], columns: string[], cell: number, gapBefore: number, label: string, hint: string}} props
 *   ``gapBefore``: the column that stands apart; names stand beside cells that are tall enough
 */
export function HeatMap({ values, rows, columns, cell, gapBefore, label, hint }) {
  const [at, setAt] = useState(/** @type {[number, number] | null} */ (null));
  const x = (/** @type {number} */ j) => j * cell + (j >= gapBefore ? 8 : 0);
  const width = x(columns.length - 1) + cell, height = rows.length * cell;
  const paint = (/** @type {number} */ v) => ({ fill: v < 0 ? "var(--signed-low)" : "var(--signed-high)", "fill-opacity": Math.abs(v) });
  const step = (/** @type {KeyboardEvent} */ event) => {
    const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!move) return;
    event.preventDefault();
    const [i, j] = at ?? [0, 0];
    setAt([Math.min(rows.length - 1, Math.max(0, i + move[0])), Math.min(columns.length - 1, Math.max(0, j + move[1]))]);
  };
  const over = (/** @type {MouseEvent} */ event) => {
    const box = /** @type {Element} */ (event.currentTarget).getBoundingClientRect(), px = event.clientX - box.left;
    const j = columns.findIndex((_, k) => px >= x(k) && px < x(k) + cell), i = Math.floor((event.clientY - box.top) / cell);
    setAt(j >= 0 && i >= 0 && i < rows.length ? [i, j] : null);
  };
  return html`<figure class="chart heat"><div class="wide"><div class="cells">
    ${cell >= LEGIBLE && html`<ol class="names" aria-hidden="true">${rows.map((one, i) => html`<li style=${`height:${cell}px;line-height:${cell}px`} title=${one}>${one} <small>${i + 1}</small></li>`)}</ol>`}
    <svg width=${width} height=${height} tabindex="0" role="img" aria-label=${`${label}; arrow keys read the cells`} onMouseMove=${over} onMouseLeave=${() => setAt(null)} onKeyDown=${step} shape-rendering="crispEdges">
      ${rows.map((_, i) => columns.map((_one, j) => html`<rect x=${x(j)} y=${i * cell} width=${cell} height=${cell} ...${paint(values[i * columns.length + j])} />`))}
      ${at && html`<rect x=${x(at[1]) + 0.5} y=${at[0] * cell + 0.5} width=${cell - 1} height=${cell - 1} fill="none" stroke="var(--thread)" stroke-width="1.5" />`}
    </svg></div></div>
    <figcaption aria-live="polite">${at ? `${rows[at[0]]} and ${columns[at[1]]}: ${written(Number(values[at[0] * columns.length + at[1]].toFixed(2)))}` : hint}</figcaption></figure>`;
}

/**
 * What single clouds gave, as a histogram, and where this data lies.
 * @param {{edges: number[], counts: number[][], value: number, name?: string, caption?: any, title?: any}} props
 */
export function Histogram({ edges, counts, value, name = "", caption, title }) {
  const [ref, width] = useWidth(288);
  const from = Math.min(edges[0], value), to = Math.max(edges[edges.length - 1], value), pad = 0.03 * (to - from || 0.1);
  const x = scale(from - pad, to + pad, 2, width - 2), top = Math.max(...counts.flat(), 1), y = scale(0, top, 72, 20);
  return html`<${Chart} title=${title} caption=${caption} inner=${ref} table=${{ head: ["from", ...counts.map((_, i) => `draws of kind ${i + 1}`)], rows: counts[0].map((_, i) => [written(edges[i]), ...counts.map((of) => of[i])]) }}>
    <svg width=${width} height="92" role="img" aria-label=${`This data at ${written(value)}, above a histogram of single clouds`}>
      ${counts.map((of) => of.map((n, i) => html`<rect x=${x(edges[i])} y=${y(n)} width=${Math.max(0.5, x(edges[i + 1]) - x(edges[i]) - 0.5)} height=${72 - y(n)} fill="var(--ref)" fill-opacity="0.6" />`))}
      <line x1="2" x2=${width - 2} y1="72" y2="72" stroke="var(--rule2)" />
      <line x1=${x(value)} x2=${x(value)} y1="16" y2="72" stroke="var(--thread)" stroke-width="2" />
      <text x=${Math.min(width - 2, x(value) + 14)} y="11" text-anchor="end" class="tick here">${`${name} ${written(Number(value.toFixed(2)))}`}</text>
      ${ticks(from, to, 4).map((one) => html`<text x=${x(one)} y="87" text-anchor="middle" class="tick">${written(one)}</text>`)}
    </svg></${Chart}>`;
}

/**
 * Whether rows are of a class as often as the probability says.
 * @param {{name: any, points: Point[], group: number, caption?: any}} props probability given, and share observed with its interval
 */
export function CalibrationPlot({ name, points, group, caption }) {
  const at = scale(0, 1, 26, 168), up = scale(0, 1, 150, 8), ink = group < 0 ? "var(--ink)" : `var(--c${group % 6})`;
  const clip = (/** @type {any} */ v) => up(Math.min(1, Math.max(0, v)));
  return html`<${Chart} title=${name} caption=${caption} table=${{ head: ["probability given", "share observed"], rows: points.map((p) => [written(Number(p.x.toFixed(2))), spelt(p)]) }}>
    <svg width="176" height="182" role="img" aria-label="Share observed against probability given">
      <line x1=${at(0)} y1=${up(0)} x2=${at(1)} y2=${up(1)} stroke="var(--ref)" stroke-width="3" />
      <path d=${`M${at(0)} ${up(1)}V${up(0)}H${at(1)}`} fill="none" stroke="var(--rule2)" />
      ${points.map((p) => Number.isFinite(p.value) && html`<g>${Number.isFinite(p.low) && html`<line x1=${at(p.x)} x2=${at(p.x)} y1=${clip(p.low)} y2=${clip(p.high)} stroke=${ink} stroke-width="1.4" />`}
        <circle cx=${at(p.x)} cy=${clip(p.value)} r="3.4" fill=${ink} /></g>`)}
      ${[0, 0.5, 1].map((v) => html`<text x=${at(v)} y="164" text-anchor="middle" class="tick">${v}</text><text x="20" y=${up(v) + 4} text-anchor="end" class="tick">${v}</text>`)}
      <text x=${at(0.5)} y="179" text-anchor="middle" class="tick">probability given</text></svg></${Chart}>`;
}
