// @ts-check
/** The losses of the nets that a job trains, while it trains them: small in the rail, whole in a dialog. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { Chart, scale, ticks, useWidth } from "../cards/charts.js";
import { refused } from "../core/notices.js";
import { ask } from "../core/socket.js";
import { use } from "../core/state.js";
import { number } from "../core/words.js";
import { openDialog } from "./dialog.js";

/** @typedef {{of: number, best: number | null, number: number[], train: (number | null)[], valid: (number | null)[]}} Curve */
/** @typedef {{first: number, nets: Curve[]}} Curves */

const PAUSE = 700; // ms between two looks at what the server has
const STEEP = 30; // times that the largest loss is the least, beyond which equal ratios are drawn alike

/**
 * Preact hook: the curves of a job, followed while it runs.
 * @param {import("./jobs.js").Job} job
 * @returns {Curves | null}
 */
function useCurves(job) {
  const [curves, setCurves] = useState(/** @type {Curves | null} */ (null));
  const last = useRef(0), now = job.training;
  useEffect(() => {
    if (!now) return undefined;
    const look = () => { last.current = Date.now(); ask("job.curves", { job: job.id }).then(setCurves, refused); };
    const clock = setTimeout(look, Math.max(0, last.current + PAUSE - Date.now()));
    return () => clearTimeout(clock);
  }, [job.id, job.state, now?.net, now?.epoch]);
  return now ? curves : null;
}

/** @param {(number | null)[]} values @returns {number[]} */
const known = (values) => /** @type {number[]} */ (values.filter((one) => one !== null));

/**
 * Where epochs and losses stand in a picture.
 * @param {Curve[]} nets @param {{left: number, right: number, top: number, bottom: number}} box
 */
function placed(nets, { left, right, top, bottom }) {
  const all = nets.flatMap((one) => [...known(one.train), ...known(one.valid)]);
  const low = Math.min(...all), high = Math.max(...all), steep = low > 0 && high / low > STEEP;
  const bent = steep ? Math.log10 : (/** @type {number} */ v) => v;
  const room = 0.06 * (bent(high) - bent(low) || 1);
  const x = scale(1, Math.max(2, ...nets.map((one) => one.number[one.number.length - 1])), left, right);
  const y = scale(bent(low) - room, bent(high) + room, bottom, top);
  const powers = Array.from({ length: 13 }, (_, i) => 10 ** (i - 6)).filter((one) => one >= low && one <= high);
  const marks = steep && powers.length > 1 ? powers : steep ? [low, high] : ticks(low, high, 4);
  return { steep, marks, x, y: (/** @type {number} */ v) => y(bent(v)) };
}

/** A line through the losses that are known. @param {Curve} net @param {(number | null)[]} values @param {{x: any, y: any}} at */
function line(net, values, { x, y }) {
  return values.map((one, i) => (one === null ? "" : `${i && values[i - 1] !== null ? "L" : "M"}${x(net.number[i]).toFixed(1)} ${y(one).toFixed(1)}`)).join("");
}

/** "Epoch 14 of at most 60; best so far 12." @param {import("./jobs.js").Job} job @param {Curves} curves @param {Curve} net @param {number} which */
function inWords(job, curves, net, which) {
  const at = net.number[net.number.length - 1], over = job.state !== "running" || which < curves.nets.length - 1;
  const name = curves.first + curves.nets.length > 2 ? `Net ${curves.first + which}: ` : "";
  const best = net.best === null ? null : net.number.indexOf(net.best);
  const far = over ? `${name}${name ? "trained" : "Trained"} for ${at} of at most ${net.of} epochs.` : `${name}${name ? "epoch" : "Epoch"} ${at} of at most ${net.of}.`;
  if (best === null) return [far, "No rows are held out, so the last epoch is kept, and nothing here says how well the net does on others."];
  const since = at - (net.best ?? at);
  return [far, `${over ? "Best" : "Best so far"}: epoch ${net.best}, validation loss ${number(net.valid[best] ?? NaN)}${since > 4 ? `; no better for ${since} epochs` : ""}.`];
}

/** Training and validation loss of the nets of a job, the one that is trained now in front. @param {{job: import("./jobs.js").Job, height?: number}} props */
export function LossCurves({ job, height = 220 }) {
  const curves = useCurves(job), [ref, width] = useWidth(520);
  const [chosen, choose] = useState(-1), [here, setHere] = useState(/** @type {number | null} */ (null));
  if (!curves?.nets.length) return html`<div class="losses" ref=${ref}><p class="quiet">No epoch is completed yet.</p></div>`;
  const which = chosen >= 0 && chosen < curves.nets.length ? chosen : curves.nets.length - 1, net = curves.nets[which];
  const at = placed(curves.nets, { left: 44, right: width - 6, top: 6, bottom: height - 30 });
  const [far, best] = inWords(job, curves, net, which), validated = net.best !== null;
  const near = here === null ? null : Math.min(here, net.number.length - 1), end = net.number.length - 1;
  const hover = (/** @type {MouseEvent} */ event) => {
    const left = event.clientX - /** @type {Element} */ (event.currentTarget).getBoundingClientRect().left;
    setHere(net.number.reduce((least, one, i) => (Math.abs(at.x(one) - left) < Math.abs(at.x(net.number[least]) - left) ? i : least), 0));
  };
  const step = (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    setHere(Math.max(0, Math.min(end, (near ?? end) + by)));
  };
  const said = (/** @type {number} */ i) => `Epoch ${net.number[i]}: training ${number(net.train[i] ?? NaN)}${net.valid[i] === null ? "" : `, validation ${number(net.valid[i] ?? NaN)}`}`;
  const table = { head: ["epoch", "training loss", "validation loss"], rows: net.number.map((one, i) => [one, number(net.train[i] ?? NaN), number(net.valid[i] ?? NaN)]) };
  return html`<div class="losses" ref=${ref}><p class="finding"><b>${far}</b> ${best}</p>
    ${curves.nets.length > 1 && html`<label class="small quiet">Shown in ink <select class="plain" value=${String(which)} onChange=${(/** @type {any} */ e) => choose(Number(e.target.value))}>${curves.nets.map((_, i) => html`<option value=${String(i)}>net ${curves.first + i}</option>`)}</select></label>`}
    <${Chart} table=${table} caption=${html`<span aria-live="polite">${near === null ? "Arrow keys read the epochs." : said(near)}</span>`}>
      <svg width=${width} height=${height} role="img" tabindex="0" aria-label=${`Loss over epochs. ${far} ${best}`} onMouseMove=${hover} onMouseLeave=${() => setHere(null)} onKeyDown=${step}>
        ${at.marks.map((one) => html`<line x1="44" x2=${width - 6} y1=${at.y(one)} y2=${at.y(one)} stroke="var(--rule)" /><text x="38" y=${at.y(one) + 4} text-anchor="end" class="tick">${number(one)}</text>`)}
        ${ticks(1, Math.max(2, ...curves.nets.map((one) => one.number[one.number.length - 1])), 6).filter((one) => one >= 1 && Number.isInteger(one)).map((one) => html`<text x=${at.x(one)} y=${height - 14} text-anchor="middle" class="tick">${one}</text>`)}
        <text x=${width - 6} y=${height - 1} text-anchor="end" class="tick">epoch${at.steep ? "; losses on a scale of ratios" : ""}</text>
        ${curves.nets.map((one, i) => i !== which && html`<path d=${line(one, one.best === null ? one.train : one.valid, at)} fill="none" stroke="var(--ref)" stroke-width="1.2" />`)}
        <path d=${line(net, net.train, at)} fill="none" stroke="var(--rule2)" stroke-width="1.4" stroke-dasharray=${validated ? "4 3" : ""} />
        ${validated && html`<path d=${line(net, net.valid, at)} fill="none" stroke="var(--ink)" stroke-width="1.6" />
          <circle cx=${at.x(net.best ?? 1)} cy=${at.y(net.valid[net.number.indexOf(net.best ?? 1)] ?? 0)} r="4.5" fill="var(--surface)" stroke="var(--thread)" stroke-width="2" />`}
        ${near !== null && html`<line x1=${at.x(net.number[near])} x2=${at.x(net.number[near])} y1="6" y2=${height - 30} stroke="var(--rule2)" />`}
      </svg><//>
    <p class="key small quiet"><svg viewBox="0 0 24 8" aria-hidden="true"><path d="M0 4H24" stroke="var(--rule2)" stroke-width="1.6" stroke-dasharray=${validated ? "4 3" : ""} /></svg>training: what the net learns from
      ${validated && html`<br /><svg viewBox="0 0 24 8" aria-hidden="true"><path d="M0 4H24" stroke="var(--ink)" stroke-width="1.8" /></svg>validation: what it does not learn from; its lowest is ringed, and kept where enough rows are held out to tell. Where it rises while training falls, the net learns by heart.`}</p></div>`;
}

/** The job of a number, as it goes on. @param {{id: number}} props */
function Followed({ id }) {
  const job = use((s) => s.jobs).find((/** @type {any} */ one) => one.id === id);
  return html`<div class="scroll">${job ? html`<${LossCurves} job=${job} />` : html`<p class="quiet">This work has been put away.</p>`}</div>`;
}

/** The curve in the rail: a button that shows it whole. @param {{job: import("./jobs.js").Job}} props */
export function SmallCurve({ job }) {
  const curves = useCurves(job), net = curves?.nets[curves.nets.length - 1];
  if (!curves || !net) return null;
  const at = placed([net], { left: 2, right: 150, top: 3, bottom: 33 }), [far, best] = inWords(job, curves, net, curves.nets.length - 1);
  return html`<button class="small-curve" title=${`${far} ${best}`} aria-label=${`Loss of ${job.verb}: ${far} ${best}`} onClick=${() => openDialog(`Training: ${job.verb}`, () => html`<${Followed} id=${job.id} />`)}>
    <svg viewBox="0 0 156 36" width="156" height="36" aria-hidden="true"><path d=${line(net, net.train, at)} fill="none" stroke="var(--rule2)" stroke-width="1.2" stroke-dasharray=${net.best === null ? "" : "3 2"} />
      ${net.best !== null && html`<path d=${line(net, net.valid, at)} fill="none" stroke="var(--ink)" stroke-width="1.4" /><circle cx=${at.x(net.best)} cy=${at.y(net.valid[net.number.indexOf(net.best)] ?? 0)} r="3" fill="var(--paper)" stroke="var(--thread)" stroke-width="1.6" />`}</svg>
    <span>epoch ${net.number[net.number.length - 1]} of ${net.of}${net.best === null ? "" : `, best ${net.best}`}</span></button>`;
}
