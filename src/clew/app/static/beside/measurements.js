// @ts-check
/** What was measured of one row: value, unit, and rank among all open rows over the middle half of each group. */
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { ask } from "../core/socket.js";
import { set, use } from "../core/state.js";
import { Sign } from "../core/marks.js";
import { number } from "../core/words.js";

/** @typedef {{name: string, unit: string, value: number, rank: number, middles: [number, number, number][]}} Value */
const WIDE = 92, MOST_BARS = 6;

/** Preact hook: what there is to say of a row; null until it is known. @param {number | null} row */
export function useRow(row) {
  const [found, setFound] = useState(/** @type {any} */ (null));
  const step = use((s) => s.step), version = use((s) => s.version);
  useEffect(() => {
    if (row === null) { setFound(null); return undefined; }
    let waits = true;
    ask("beside.row", { row, step }).then((told) => { if (waits) setFound(told); }, () => {});
    return () => { waits = false; };
  }, [row, step, version]);
  return found && found.row === row ? found : null;
}

/** "Object 30: group 0 in 20 of 20 runs". @param {any} told */
export function sure(told) {
  if (told.group < 0) return `${told.title}: in no group`;
  return `${told.title}: ${told.groups[told.group]}${told.agree === null ? "" : ` in ${told.agree} of ${told.runs} runs`}`;
}

/** @param {{value: Value}} props */
function Rank({ value }) {
  const bars = value.middles.slice(0, MOST_BARS), tall = Math.min(4, 12 / Math.max(1, bars.length)), gap = bars.length > 2 ? 0.5 : 3;
  const top = 9 - (bars.length * (tall + gap) - gap) / 2;
  return html`<svg class="rank" viewBox=${`0 0 ${WIDE} 18`} width=${WIDE} height="18" role="img" aria-label=${`rank ${Math.round(value.rank * 100)} of 100`}>
    <path d=${`M0 9H${WIDE}`} stroke="var(--rule)" />
    ${bars.map(([group, low, high], i) => html`<rect x=${low * WIDE} y=${top + i * (tall + gap)} width=${Math.max(1, (high - low) * WIDE)} height=${tall} fill=${`var(--c${group % 6})`} opacity="0.6" />`)}
    <path d=${`M${1 + value.rank * (WIDE - 2)} 3V15`} stroke="var(--ink)" stroke-width="2" /></svg>`;
}

/** @param {{told: any}} props */
export function Measurements({ told }) {
  const colour = use((s) => s.colour);
  if (!told) return null;
  const groups = told.groups.slice(0, MOST_BARS);
  return html`<div class="measurements"><h2>${told.group >= 0 ? html`<${Sign} n=${told.group} /> ` : null}${sure(told)}</h2>
    <div class="values" tabindex="0" role="group" aria-label=${`Measurements of ${told.title}, most telling first`}><table><tbody>
    ${told.values.map((/** @type {Value} */ value) => html`<tr key=${value.name}><th scope="row"><button class="name" aria-pressed=${colour === `feature:${value.name}` ? "true" : "false"} title=${`Colour the map by ${value.name}`} onClick=${() => set({ colour: colour === `feature:${value.name}` ? "group" : `feature:${value.name}` })}>${value.name}</button></th>
      <td class="number">${number(value.value)}${value.unit ? html` <span class="quiet">${value.unit}</span>` : null}</td><td><${Rank} value=${value} /></td></tr>`)}
    </tbody></table></div>
    <p class="small quiet">Rank in all open rows${groups.length ? html`; bars: middle half of ${groups.map((/** @type {string} */ name, /** @type {number} */ g) => html`<span title=${name}><${Sign} n=${g} /></span> `)}` : null}</p></div>`;
}
