// @ts-check
/** The right column of the painter: classes, how good, what speaks for a class, images, and keeping the model. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { BRIGHT } from "../core/marks.js";
import { Notice } from "../core/parts.js";
import { ask } from "../core/socket.js";
import { count, counted, figure } from "../core/words.js";
import { gradient, grayOf, PUSHES } from "./layers.js";
import { addClass, change, explain, openImage, overlaid, rename, saveModel, toSpot, useRoom } from "./paint_room.js";

/** Second cue of each class: a pattern. */
const PATTERNS = [null, "M-1 9L9 -1M3 13L13 3M7 17L17 7", "M2 4h.1M6 4h.1M10 4h.1M14 4h.1M4 8h.1M8 8h.1M12 8h.1", "M0 4H20M0 8H20", "M4 0V14M9 0V14M14 0V14", "M0 0L20 12M0 12L20 0"];

/** @param {{choose: (n: number) => any}} props */
export function PaintSide({ choose }) {
  const now = useRoom();
  return html`<section class="column paint-side" aria-label="Classes and model"><div class="scroll">
    ${now.notice && html`<div class="section"><${Notice} bold="Not done." alert=${true}>${now.notice} <button class="link" onClick=${() => change({ notice: "" })}>Close</button><//></div>`}
    <${Classes} choose=${choose} /><${Accuracy} /><${Reasons} /><${Images} /></div><${Keep} /></section>`;
}

/** @param {{n: number}} props */
function Swatch({ n }) {
  const path = PATTERNS[(n - 1) % PATTERNS.length];
  return html`<svg class="paint-swatch" viewBox="0 0 20 12" aria-hidden="true"><rect width="20" height="12" rx="2" fill=${BRIGHT[(n - 1) % BRIGHT.length]} />${path && html`<path d=${path} />`}</svg>`;
}

/** @param {{choose: (n: number) => any}} props */
function Classes({ choose }) {
  const now = useRoom();
  const [editing, edit] = useState(0);
  const seen = [...now.counts.values()].reduce((a, b) => a + b, 0);
  return html`<div class="section"><div class="paint-head"><h2>Classes</h2><span class="quiet small" title="Share: of the part of the image that is seen">strokes, pixels, share seen</span></div>
    <ul class="paint-classes">${now.classes.map(({ number, name }) => html`<li class=${number === now.class ? "now" : ""}>
      ${editing === number
        ? html`<span class="paint-class"><kbd>${number}</kbd><${Swatch} n=${number} /><${Rename} name=${name} done=${(/** @type {string} */ to) => { edit(0); void rename(number, to); }} /></span>`
        : html`<button class="paint-class" aria-pressed=${number === now.class} onClick=${() => choose(number)} onDblClick=${() => edit(number)}><kbd>${number}</kbd><${Swatch} n=${number} /><span class="name">${name}</span>
          <span class="number">${now.totals?.strokes?.[number] ?? 0}</span><span class="number">${count(now.totals?.pixels?.[number] ?? 0)}</span><span class="number">${seen ? `${Math.round((100 * (now.counts.get(number) ?? 0)) / seen)} %` : "–"}</span></button>`}
      </li>`)}</ul>
    <button class="link-quiet" onClick=${() => void addClass()}>+ class</button> <button class="link-quiet" onClick=${() => edit(now.class)}>rename</button></div>`;
}

/** @param {{name: string, done: (to: string) => void}} props */
function Rename({ name, done }) {
  const place = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => { place.current?.select(); }, []);
  return html`<input type="text" ref=${place} aria-label="Name of the class" value=${name} maxlength="80" onBlur=${(/** @type {any} */ event) => done(event.target.value)}
    onKeyDown=${(/** @type {any} */ event) => { if (event.key === "Enter") done(event.target.value); if (event.key === "Escape") done(name); }} />`;
}

function Accuracy() {
  const now = useRoom(), found = now.accuracy;
  const head = html`<div class="paint-head"><h2>On strokes not yet drawn</h2><span class="quiet small">balanced accuracy</span></div>`;
  if (!now.live || !found) return html`<div class="section">${head}<p class="quiet">${now.live ? "Holding out each stroke in turn." : "With two strokes or more of each class, some way apart, each is held out in turn: how well are strokes told that were not yet drawn?"}</p></div>`;
  if (found.why) return html`<div class="section">${head}<p class="quiet">${found.why}</p></div>`;
  const { honest, naive, weakest } = found, chance = 1 / Math.max(2, now.live.exact ? Object.keys(now.totals.pixels).length : 2);
  const low = Math.floor(10 * Math.min(honest.low ?? honest.value, naive.value, 0.95)) / 10;
  const x = (/** @type {number} */ value) => 8 + (258 * (value - low)) / (1 - low);
  const gap = naive.value - honest.value;
  const because = gap > 0.005 ? `Shuffled pixels claim ${naive.value.toFixed(2)}, because neighbours in one stroke look alike.` : `Shuffled pixels say ${naive.value.toFixed(2)}, too.`;
  return html`<div class="section">${head}<p class="finding">Expect <b>${honest.value.toFixed(2)}</b>${honest.low === null ? "" : ` [${honest.low.toFixed(2)}, ${honest.high.toFixed(2)}]`}. ${because}</p>
    <svg class="paint-figure" viewBox="0 0 274 62" role="img" aria-label="Whole ${found.by}s held out: ${figure(honest)}; shuffled pixels: ${naive.value.toFixed(2)}; chance ${chance.toFixed(2)}">
      <line class="ink" x1=${x(honest.low ?? honest.value)} x2=${x(honest.high ?? honest.value)} y1="12" y2="12" /><circle class="thread" cx=${x(honest.value)} cy="12" r="4.5" />
      ${x(honest.low ?? honest.value) > 96 ? html`<text class="strong" x=${x(honest.low ?? honest.value) - 6} y="16" text-anchor="end">whole ${found.by}s</text>` : x(honest.high ?? honest.value) < 170 ? html`<text class="strong" x=${x(honest.high ?? honest.value) + 9} y="16">whole ${found.by}s</text>` : html`<text class="strong" x=${x(honest.high ?? honest.value) - 4} y="5" text-anchor="end">whole ${found.by}s</text>`}
      <circle class="hollow" cx=${x(naive.value)} cy="32" r="4" /><text class="quiet" x=${x(naive.value) - 9} y="36" text-anchor="end">shuffled pixels</text>
      <line class="axis" x1="8" x2="266" y1="46" y2="46" />${[low, (low + 1) / 2, 1].map((v) => html`<text class="quiet" x=${x(v)} y="59" text-anchor=${v === 1 ? "end" : v === low ? "start" : "middle"}>${v.toFixed(2)}</text>`)}</svg>
    <p class="small">${weakest ? `Weakest: ${weakest.truth} taken for ${weakest.taken} (${Math.round(100 * weakest.share)} % of its tested pixels). ` : "No tested pixel is taken for another class. "}Paint next at <button class="link" onClick=${() => void toSpot()}>the most uncertain spot</button> <kbd>G</kbd></p>
    <p class="small quiet">Judged with 24 trees on at most 2,000 pixels a fold. ${found.warnings[0] ?? ""}</p></div>`;
}

function Reasons() {
  const now = useRoom(), found = now.reasons?.of === now.class ? now.reasons : null; // never those of another class
  const name = now.classes.find((one) => one.number === now.class)?.name ?? "";
  const place = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  useEffect(() => {
    const canvas = place.current;
    if (!canvas || !found) return;
    canvas.width = found.canvas.width; canvas.height = found.canvas.height;
    canvas.getContext("2d")?.drawImage(found.canvas, 0, 0);
  }, [found]);
  const head = html`<div class="paint-head"><h2>What speaks for ${name}</h2><span class="quiet small">mean |SHAP|</span></div>`;
  if (!found) return html`<div class="section">${head}<p class="quiet">${now.live ? "Paint this class, and the filters that speak for it stand here." : "Filters that speak for the class stand here once two classes are painted."}</p></div>`;
  const most = found.features[0].shap || 1;
  return html`<div class="section">${head}<ul class="paint-bars">${found.features.map((/** @type {any} */ one) => html`<li><button class=${one.name === found.feature ? "now" : ""} aria-pressed=${one.name === found.feature} title="Show the SHAP map of ${one.name}" onClick=${() => void explain(one.name)}>
      <span class="name">${one.name}</span><span class="number">${one.shap.toFixed(3)}</span><i style="width:${(100 * one.shap) / most}%"></i></button></li>`)}</ul>
    ${found.together && html`<p class="small quiet">${counted(found.together.names.length, "filter")} stand in for one another: ${found.together.shap.toFixed(3)} together.</p>`}
    <p class="small paint-map-name">SHAP of ${found.feature}, for ${name} <button class="link-quiet" onClick=${() => overlaid({ overlay: "shap" })}>on the image</button></p>
    <canvas class="paint-map" ref=${place} role="img" aria-label="SHAP map of ${found.feature} for ${name}, from −${found.most.toFixed(2)} to +${found.most.toFixed(2)}"></canvas>
    <p class="small quiet paint-ends"><span>against −${found.most.toFixed(2)}</span><i style="background:${gradient(PUSHES)}"></i><span>for +${found.most.toFixed(2)}</span></p></div>`;
}

function Images() {
  const now = useRoom();
  const painted = new Set([...now.images.filter((one) => one.strokes).map((one) => one.name), ...(now.totals?.painted_images ?? [])]);
  return html`<div class="section"><div class="paint-head"><h2>Images</h2><span class="quiet small">${painted.size} of ${counted(now.images.length, "image")} painted</span></div>
    <ul class="paint-images">${now.images.map((one) => html`<li key=${one.name}><button class=${one.name === now.image ? "now" : ""} aria-pressed=${one.name === now.image} onClick=${() => one.name !== now.image && void openImage(one.name)}>
      <${Thumb} image=${one.name} /><span class="name">${one.name}</span>${painted.has(one.name) && html`<span class="quiet small">painted</span>`}</button></li>`)}</ul>
    ${now.totals?.left_out?.length > 0 && html`<p class="small quiet">Strokes on ${counted(now.totals.left_out.length, "image")} that cannot be read, or with other channels, are left out here.</p>`}
    ${now.sealed > 0 && html`<p class="small quiet">${counted(now.sealed, "image")} ${now.sealed === 1 ? "is" : "are"} not offered: all of ${now.sealed === 1 ? "its" : "their"} rows are sealed.</p>`}</div>`;
}

/** A small picture, fetched when it comes into sight. @param {{image: string}} props */
function Thumb({ image }) {
  const place = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  useEffect(() => {
    const canvas = place.current;
    if (!canvas) return undefined;
    const watcher = new IntersectionObserver((seen) => {
      if (!seen.some((one) => one.isIntersecting)) return;
      watcher.disconnect();
      ask("paint.thumb", { image }).then((told) => {
        [canvas.height, canvas.width] = told.size;
        canvas.getContext("2d")?.drawImage(grayOf(told.arrays[0], told.size[0], told.size[1]), 0, 0);
      }, () => { canvas.className = "hatched"; canvas.title = `${image} cannot be read`; });
    });
    watcher.observe(canvas);
    return () => watcher.disconnect();
  }, [image]);
  return html`<canvas ref=${place} width="28" height="28" aria-hidden="true"></canvas>`;
}

function Keep() {
  const now = useRoom();
  const next = `model ${Math.max(0, ...now.models.map((one) => Number(one.split("-")[1]))) + 1}`;
  const trees = now.live && (now.live.exact ? `Live: all ${now.live.trees} trees, the same that are saved.` : `Live: grown from some of the painted pixels; the saved model learns from all.`);
  return html`<div class="paint-keep"><button class="button primary" disabled=${!now.live || now.saving} title=${now.live ? "Train on all strokes of all images, and keep it in the study" : "Paint two classes first"} onClick=${() => void saveModel()}>${now.saving ? "Training and saving" : `Save as ${next}`} <kbd>Ctrl S</kbd></button>
    <p class="small quiet">${now.saved ? html`<b>${now.saved.model}</b> is saved, ${count(now.saved.pixels)} px. <code>clew pixels predict ${now.saved.path} IMAGES --out FOLDER</code>` : trees || "Filters in planes, medium set, 100 trees of depth 4."}</p></div>`;
}
