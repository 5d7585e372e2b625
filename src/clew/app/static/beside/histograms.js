// @ts-check
/** How a feature is distributed: the selection over all open rows, and each group. */
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { ask } from "../core/socket.js";
import { use } from "../core/state.js";
import { Sign } from "../core/marks.js";
import { count, number } from "../core/words.js";

const WIDE = 300;

/** A stepped area of shares (n,) up to ``most``. @param {number[]} counts @param {number} most @param {number} tall */
function area(counts, most, tall) {
  const total = counts.reduce((a, b) => a + b, 0) || 1, wide = WIDE / counts.length;
  const steps = counts.map((c, i) => { const y = tall - (c / total / most) * tall; return `L${(i * wide).toFixed(1)} ${y.toFixed(1)}L${((i + 1) * wide).toFixed(1)} ${y.toFixed(1)}`; });
  return `M0 ${tall}${steps.join("")}L${WIDE} ${tall}Z`;
}

/** The value in whose bin half of the counts are reached. @param {number[]} counts @param {number[]} edges */
function median(counts, edges) {
  const half = counts.reduce((a, b) => a + b, 0) / 2;
  let sum = 0;
  for (let i = 0; i < counts.length; i += 1) { sum += counts[i]; if (sum >= half) return (edges[i] + edges[i + 1]) / 2; }
  return NaN;
}

/** @param {{features: string[], first: string}} props  first: the feature that is shown at first */
export function Histograms({ features, first }) {
  const [feature, setFeature] = useState(""), [found, setFound] = useState(/** @type {any} */ (null));
  const selection = use((s) => s.selection.id), step = use((s) => s.step), version = use((s) => s.version);
  const shown = features.includes(feature) ? feature : first || features[0];
  useEffect(() => {
    if (!shown) return undefined;
    let waits = true;
    ask("beside.histogram", { feature: shown, selection, step }).then((told) => { if (waits) setFound({ ...told, feature: shown }); }, () => {});
    return () => { waits = false; };
  }, [shown, selection, step, version]);
  if (!features.length) return html`<p class="small quiet">These rows are known by their distances alone.</p>`;
  const share = (/** @type {number[]} */ counts) => Math.max(...counts) / (counts.reduce((a, b) => a + b, 0) || 1);
  return html`<div class="histograms"><label class="small">Feature <select class="plain" value=${shown} onChange=${(/** @type {any} */ e) => setFeature(e.currentTarget.value)}>${features.map((name) => html`<option value=${name}>${name}</option>`)}</select></label>
    ${found && html`<figure>
      ${[...(found.n ? [["selected", found.chosen, "var(--thread)", -2]] : []), ...found.groups.map((/** @type {number[]} */ counts, /** @type {number} */ g) => [found.names[g], counts, `var(--c${g % 6})`, g])].map(([name, counts, fill, g]) => {
        const most = Math.max(share(counts), share(found.all));
        return html`<div class="strip"><span class="small">${g >= 0 ? html`<${Sign} n=${g} /> ` : null}${name} <span class="quiet">n = ${count(counts.reduce((/** @type {number} */ a, /** @type {number} */ b) => a + b, 0))}, median ${number(median(counts, found.edges))}</span></span>
          <svg viewBox=${`0 0 ${WIDE} 44`} preserveAspectRatio="none" role="img" aria-label=${`${found.feature} of ${name} over all open rows`}><path d=${area(found.all, most, 44)} fill="var(--ref)" /><path d=${area(counts, most, 44)} fill=${fill} fill-opacity="0.35" stroke=${fill} stroke-width="1.2" vector-effect="non-scaling-stroke" /></svg></div>`;
      })}
      ${found.n || found.groups.length ? null : html`<div class="strip"><svg viewBox=${`0 0 ${WIDE} 44`} preserveAspectRatio="none" role="img" aria-label=${`${found.feature} of all open rows`}><path d=${area(found.all, share(found.all), 44)} fill="var(--ref)" /></svg></div>`}
      <div class="ends small quiet"><span>${number(found.edges[0])}</span><span>${found.feature}${found.unit ? `, ${found.unit}` : ""}</span><span>${number(found.edges[found.edges.length - 1])}</span></div>
      <figcaption class="small quiet">Shares of rows; grey: all open rows.</figcaption></figure>`}</div>`;
}
