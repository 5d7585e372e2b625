// @ts-check
/** Denoise: an image before and after, and beside it what the noise is, and what simpler filters would do. */
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { refused } from "../core/notices.js";
import { Empty, Notice } from "../core/parts.js";
import { Sheet } from "../core/sheet.js";
import { ask, on } from "../core/socket.js";
import { say, use } from "../core/state.js";
import { count } from "../core/words.js";
import { stopJob } from "../shell/jobs.js";
import { LossCurves } from "../shell/training.js";
import { howFar } from "../shell/words.js";
import { BeforeAfter } from "./slider.js";

/** @typedef {{run: string, lines: string[], warnings: string[], settings: Record<string, any>, who: string}} Run */
/** @typedef {{image: string, shape: [number, number, number, number, number], channels: string[], runs: Run[]}} Opened */

let last = ""; // the image that was shown when this view was left
const STRUCTURES = { auto: "as the diagnosis says", none: "no structure", x: "hangs together along rows", y: "hangs together along columns" };

/** @param {string} name @param {(value: any) => void} set @param {any} value @param {[any, string][]} choices */
const chosen = (name, set, value, choices) => html`<label class="choice"><span>${name}</span> <select value=${String(value)} onChange=${(/** @type {any} */ e) => set(e.target.value)}>${choices.map(([one, words]) => html`<option value=${String(one)}>${words}</option>`)}</select></label>`;
/** @param {string} name @param {(value: number) => void} set @param {number} value @param {number} n */
const turned = (name, set, value, n) => html`<label class="choice"><span>${name} ${value + 1} of ${n}</span> <input type="range" min="0" max=${n - 1} value=${value} onInput=${(/** @type {any} */ e) => set(Number(e.target.value))} /></label>`;

export function DenoiseView() {
  const [listed, setListed] = useState(/** @type {{images: string[], sealed: number} | null} */ (null));
  const [image, setImage] = useState(last), [opened, setOpened] = useState(/** @type {Opened | null} */ (null)), [error, setError] = useState("");
  const [run, setRun] = useState(""), [c, setC] = useState(0), [z, setZ] = useState(0), [t, setT] = useState(0);
  const [plane, setPlane] = useState(/** @type {any} */ (null));
  const read = (/** @type {string} */ name, newest = true) => ask("denoise.open", { image: name }, { lane: "denoise.open" }).then((told) => {
    setOpened(told);
    setError("");
    if (newest) setRun(told.runs[0]?.run ?? "");
  }, (why) => why.kind !== "Stale" && setError(why.message));
  useEffect(() => { ask("denoise.images").then((told) => { setListed(told); setImage((was) => (told.images.includes(was) ? was : told.images[0] ?? "")); }, refused); }, []);
  useEffect(() => {
    if (!image) return undefined;
    last = image;
    setPlane(null);
    setC(0); setZ(0); setT(0);
    void read(image);
    return on("denoised", (told) => { if (told.image === image) { void read(image); say(`Denoised: ${image}. Move the line to compare.`); } });
  }, [image]);
  useEffect(() => {
    if (!opened || opened.image !== image) return;
    ask("denoise.plane", { image, run, t, z, c }, { lane: "denoise.plane" }).then((told) => {
      const whole = new URLSearchParams({ image, t: String(t), z: String(z), c: String(c), low: String(told.low), high: String(told.high) });
      setPlane({ ...told, run, address: (/** @type {string} */ of, /** @type {number[] | undefined} */ box) => `/picture/denoised?${whole}&run=${of}${box ? `&x0=${box[0]}&y0=${box[1]}&x1=${box[2]}&y1=${box[3]}` : ""}` });
      setError("");
    }, (why) => why.kind !== "Stale" && setError(why.message));
  }, [opened, run, t, z, c]);
  if (!listed) return html`<p class="waiting">Looking for images.</p>`;
  if (!listed.images.length) return html`<${Empty}><b>There is no image to denoise.</b> ${listed.sealed ? `All ${count(listed.sealed)} images of this study are sealed.` : "Denoising here needs a study of images; the command line (clew denoise) takes recordings, too."}<//>`;
  const [times, , depth] = opened?.shape ?? [1, 1, 1], said = opened?.runs.find((one) => one.run === run);
  return html`<div class="denoise"><section class="column" aria-label="Before and after"><div class="bar"><h2>Denoise</h2>
      ${chosen("image", setImage, image, listed.images.map((one) => [one, one]))}
      ${opened && opened.channels.length > 1 && chosen("channel", (v) => setC(Number(v)), c, opened.channels.map((one, i) => [i, one]))}
      ${depth > 1 && turned("plane", setZ, z, depth)}${times > 1 && turned("time", setT, t, times)}
      ${opened && opened.runs.length > 1 && html`<span class="right">${chosen("run", setRun, run, opened.runs.map((one) => [one.run, one.run.replace(/^.*-/, "run ")]))}</span>`}</div>
    ${error && html`<${Notice} bold="This cannot be shown." alert=${true}>${error}<//>`}
    ${plane && html`<${BeforeAfter} key=${image} plane=${plane} run=${plane.run} names=${["before", "after"]} />`}
    <p class="under small quiet">${said ? "Both sides have the same black and white: those of the image before." : "Nothing is denoised yet."} ${said && html`Arrow keys move the line, <kbd>Space</kbd> shows one side whole, <kbd>+</kbd> <kbd>−</kbd> zoom.`}</p></section>
    <${Sheet} title="What the noise is" name="denoise-side"><${Side} image=${image} said=${said} /><//></div>`;
}

/** @param {{image: string, said: Run | undefined}} props */
function Side({ image, said }) {
  const [structure, setStructure] = useState("auto"), [updates, setUpdates] = useState("1600"), [error, setError] = useState("");
  const [mine, setMine] = useState(0);
  const jobs = use((s) => s.jobs).filter((/** @type {any} */ one) => one.verb === "denoise"), job = jobs.find((/** @type {any} */ one) => one.id === mine) ?? jobs.at(-1);
  const busy = job && (job.state === "running" || job.state === "waiting");
  const run = () => {
    setError("");
    ask("denoise.start", { image, settings: { ...(structure === "auto" ? {} : { structure }), ...(updates === "1600" ? {} : { updates: Number(updates) }) } }).then((started) => setMine(started.id), (why) => setError(why.message));
  };
  return html`<section class="column" aria-label="What the noise is"><div class="bar"><h2>What the noise is</h2></div><div class="scroll">
    ${said && html`<div class="section said">${said.lines.map((line, i) => html`<p class=${i ? "" : "finding"}>${line}</p>`)}
      ${said.warnings.map((line) => html`<div class="notice">${line}</div>`)}</div>`}
    <div class="section"><h2>${said ? "Again, with other settings" : "Learn the image from itself"}</h2>
      <p>Noise2Void hides pixels and guesses each from its neighbours: what can be guessed is picture, what cannot is noise. No clean image is needed. The source stays as it is.</p>
      ${chosen("noise", setStructure, structure, Object.entries(STRUCTURES))}
      ${chosen("training", setUpdates, updates, [["400", "short: 400 updates"], ["1600", "usual: 1,600 updates"], ["4800", "long: 4,800 updates"]])}
      ${error && html`<${Notice} bold="This cannot be run." alert=${true}>${error}<//>`}
      <p class="acts"><button class="button primary" disabled=${busy} title=${busy ? "It is being denoised" : null} onClick=${run}>${busy ? "Denoising…" : "Denoise this image"}</button>
        ${busy && html`<button class="button" disabled=${job.stopping} onClick=${() => stopJob(job.id)}>Cancel</button> <span class="quiet small">${howFar(job)}</span>`}</p>
      ${job?.state === "failed" && html`<${Notice} bold="It was refused." alert=${true}>${job.error}<//>`}</div>
    ${job?.training && html`<div class="section"><h2>Training</h2><${LossCurves} key=${job.id} job=${job} height=${170} /></div>`}</div></section>`;
}
