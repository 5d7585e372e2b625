// @ts-check
/** The learning curve of all labels, that of the control alone, and how the first would go on. */
import { html } from "../vendor/preact-htm.js";
import { Chart, scale, ticks, useWidth } from "../cards/charts.js";

/** @typedef {{x: number, value: number|null, low: number|null, high: number|null}} Point */

const HEIGHT = 186, LEFT = 34, TOP = 8, BOTTOM = 24;

/** @param {{light: import("./worth.js").Light}} props */
export function Curves({ light }) {
  const [ref, width] = useWidth(294);
  const known = (/** @type {Point[]} */ points) => /** @type {{x: number, value: number, low: number, high: number}[]} */ (points.filter((one) => one.value !== null));
  const active = known(light.active), control = known(light.control), forecast = known(light.forecast);
  const all = [...active, ...control, ...forecast], figures = all.flatMap((one) => [one.value, one.low ?? one.value, one.high ?? one.value]);
  const low = Math.max(0, Math.min(...figures) - 0.02), high = Math.min(1, Math.max(...figures, light.wanted ?? 0) + 0.02);
  const right = width - 10, x = scale(0, Math.max(...all.map((one) => one.x)), LEFT, right), y = scale(low, high, HEIGHT - BOTTOM, TOP);
  const line = (/** @type {any[]} */ points, /** @type {string} */ of = "value") => points.map((one, i) => `${i ? "L" : "M"}${x(one.x).toFixed(1)} ${y(one[of]).toFixed(1)}`).join("");
  const band = (/** @type {any[]} */ points) => { const sure = points.filter((one) => one.low !== null); return sure.length > 1 ? `${line(sure, "high")}${line([...sure].reverse(), "low").replace("M", "L")}Z` : ""; };
  const last = active[active.length - 1], ended = control[control.length - 1], end = forecast[forecast.length - 1];
  const said = (/** @type {Point} */ one) => `${one.value?.toFixed(2)}${one.low === null ? "" : ` [${one.low.toFixed(2)}, ${one.high?.toFixed(2)}]`}`;
  const rows = [["all labels", active], ["random control only", control], ["forecast", forecast]].flatMap(([name, points]) => /** @type {Point[]} */ (points).map((one) => [name, Math.round(one.x), said(one)]));
  const above = !ended || !last || y(ended.value) - y((end ?? last).value) > 30; // room below the line of all labels for its name
  return html`<${Chart} inner=${ref} title=${`${light.metric.replace(/^./, (c) => c.toUpperCase())} on held-out control labels, against number of labels`} caption=${light.helps.replace(/(?<![\w.])-(?=\d)/g, "−")}
      table=${{ head: ["", "labels", light.metric], rows }}>
    <svg width=${width} height=${HEIGHT} role="img" aria-label=${`Learning curve: ${last ? said(last) : ""} at ${light.labels} labels${ended ? `; control alone ${said(ended)} at ${light.control_labels}` : ""}`}>
      ${ticks(low, high, 5).map((one) => html`<line x1=${LEFT} x2=${right} y1=${y(one)} y2=${y(one)} stroke="var(--rule)" /><text x=${LEFT - 6} y=${y(one) + 4} text-anchor="end" class="tick">${one}</text>`)}
      ${ticks(0, Math.max(...all.map((one) => one.x)), 5).map((one) => html`<text x=${x(one)} y=${HEIGHT - 6} text-anchor="middle" class="tick">${one}</text>`)}
      ${light.wanted !== null && html`<line x1=${LEFT} x2=${right} y1=${y(light.wanted)} y2=${y(light.wanted)} stroke="var(--ink3)" stroke-dasharray="2 3" /><text x=${LEFT + 4} y=${y(light.wanted) - 4} class="tick">wanted ${light.wanted}</text>`}
      <path d=${band(control)} fill="var(--ref)" fill-opacity="0.45" /><path d=${band(active)} fill="var(--thread)" fill-opacity="0.12" />
      <path d=${line(control)} fill="none" stroke="var(--ink3)" stroke-width="1.4" stroke-dasharray="5 3" />
      <path d=${line(active)} fill="none" stroke="var(--thread)" stroke-width="2" />
      ${last && end && html`<path d=${line([last, ...forecast])} fill="none" stroke="var(--thread)" stroke-width="1.5" stroke-dasharray="1.500 3" />${end.low !== null && html`<line x1=${x(end.x)} x2=${x(end.x)} y1=${y(end.low)} y2=${y(end.high)} stroke="var(--thread)" stroke-width="2" />`}`}
      ${last && html`<circle cx=${x(last.x)} cy=${y(last.value)} r="4" fill="var(--thread)" /><text x=${end ? right : Math.min(right, x(last.x) + 8)} y=${above ? y((end ?? last).value) + 18 : y((end ?? last).value) - 9} text-anchor="end" class="tick strong">all labels, ${light.strategy}</text>`}
      ${ended && html`<circle cx=${x(ended.x)} cy=${y(ended.value)} r="4" fill="var(--surface)" stroke="var(--ink3)" stroke-width="1.5" /><text x=${Math.min(x(ended.x) + 8, right - 130)} y=${y(ended.value) + (above ? 4 : 20)} class="tick">random control only, ${light.control_labels}</text>`}
    </svg></${Chart}>`;
}
