// @ts-check
/** Start: raw data become a study, a study is opened again, or the demo runs. */
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { ask, on } from "../core/socket.js";
import { say, use } from "../core/state.js";
import { counted } from "../core/words.js";
import { Notice } from "../core/parts.js";
import { openForm } from "../shell/form.js";
import { Chooser } from "./chooser.js";
import { filesOf, send } from "./dropped.js";
import { Images, Recordings, Tables } from "./pictures.js";

/** @typedef {{kind: string, n: number, tried: number, masks: number, unreadable: {path: string, name: string, why: string}[], readable: string[], paintable: string[], stacks: {path: string, name: string, size: string}[], remarks: string[], name: string, columns: string[]}} Looked */

const KINDS = { image: ["image", "images"], signal: ["recording", "recordings"], table: ["table", "tables"], distances: ["table of distances", "tables of distances"] };

export function StartView() {
  const [choosing, setChoosing] = useState(false);
  const [over, setOver] = useState(false);
  const [busy, setBusy] = useState("");
  const [wrong, setWrong] = useState("");
  const [paths, setPaths] = useState(/** @type {string[]} */ ([]));
  const [looked, setLooked] = useState(/** @type {Looked | null} */ (null));

  /** @param {string[]} chosen */
  async function look(chosen) {
    setPaths(chosen); setLooked(null); setWrong(""); setBusy("Looking at the files ...");
    try { setLooked(await ask("start.look", { paths: chosen }, { lane: "start" })); } catch (error) { setWrong(/** @type {Error} */ (error).message); }
    setBusy("");
  }

  /** @param {DataTransfer | FileList} given */
  async function take(given) {
    setOver(false); setWrong("");
    try {
      const files = await filesOf(given);
      const copied = await send(files, (done, all) => setBusy(`Copying ${done} of ${counted(all, "file")} ...`));
      if (copied.length) await look(copied);
    } catch (error) { setWrong(/** @type {Error} */ (error).message); }
    setBusy("");
  }

  useEffect(() => {
    const open = (/** @type {KeyboardEvent} */ event) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "o") { event.preventDefault(); setChoosing(true); }
    };
    const stop = (/** @type {DragEvent} */ event) => { event.preventDefault(); setOver(event.type === "dragover"); };
    const drop = (/** @type {DragEvent} */ event) => { event.preventDefault(); if (event.dataTransfer) void take(event.dataTransfer); };
    addEventListener("keydown", open); addEventListener("dragover", stop); addEventListener("dragleave", stop); addEventListener("drop", drop);
    return () => { removeEventListener("keydown", open); removeEventListener("dragover", stop); removeEventListener("dragleave", stop); removeEventListener("drop", drop); };
  }, []);

  return html`<div class="start">
    <section class="column start-main"><div class="scroll">
      <h1>Start with raw data</h1>
      <p class="lead">No labels needed. Files that you choose stay where they are, and nothing leaves this machine.</p>
      <div class=${`zone ${over ? "over" : ""}`}>
        <div class="kinds">
          <div><${Images} /><b>Images</b><p>one row is one object</p><p class="quiet">TIFF, OME-TIFF, PNG, JPEG</p></div>
          <div><${Recordings} /><b>Recordings</b><p>one row is one window</p><p class="quiet">miniSEED, SAC, SEG-Y, WAV, FLAC, CSV</p></div>
          <div><${Tables} /><b>Tables</b><p>one row is one line</p><p class="quiet">CSV, TSV, Parquet</p></div>
        </div>
        <p class="choose"><button class="button primary" onClick=${() => setChoosing(true)}>Choose files or a folder <kbd>Ctrl O</kbd></button>
          <span class="quiet">or drop them anywhere on this page: copies are kept beside the study. Label images are found by name.</span></p>
      </div>
      <div role="status">${busy && html`<p class="busy">${busy}</p>`}</div>
      ${wrong && html`<${Notice} bold="That cannot become a study." alert>${wrong}</${Notice}>`}
      ${looked && html`<${Found} looked=${looked} paths=${paths} again=${() => look(paths)} />`}
    </div></section>
    <${Aside} />
    ${choosing && html`<${Chooser} close=${() => setChoosing(false)} choose=${(/** @type {string[]} */ chosen) => { setChoosing(false); void look(chosen); }} />`}
  </div>`;
}

/** What was found in the files, and what is asked before the first look. @param {{looked: Looked, paths: string[], again: () => void}} props */
function Found({ looked, paths, again }) {
  const [name, setName] = useState(looked.name);
  const [sealed, setSealed] = useState(20);
  const [group, setGroup] = useState("");
  const [paint, setPaint] = useState(looked.stacks.length > 0);
  const [goOn, setGoOn] = useState(looked.unreadable.length === 0);
  const [wrong, setWrong] = useState("");
  const jobs = use((s) => s.jobs);
  const making = jobs.some((job) => job.verb === "new" && (job.state === "running" || job.state === "waiting"));
  const [one, many] = KINDS[/** @type {keyof typeof KINDS} */ (looked.kind)] ?? ["file", "files"];
  const readable = looked.n - looked.unreadable.length, n = paint ? readable : readable - looked.stacks.length;
  const settings = paint ? { paint } : { ...(group ? { group } : {}), ...(sealed === 20 ? {} : { sealed: sealed / 100 }) };
  const chosen = paint ? looked.paintable : n < looked.n ? looked.readable : paths;

  async function make() {
    setWrong("");
    try { await ask("start.make", { paths: chosen, name, settings }); say(`Making ${name} of ${counted(n, one, many)}`); } catch (error) { setWrong(/** @type {Error} */ (error).message); }
  }

  return html`<div class="found">
    <p class="finding"><b>${counted(looked.n, one, many)} found.</b> ${looked.kind === "image" && !looked.masks && !paint ? "Objects will be found in them." : ""} ${looked.stacks.length ? stacked(looked) : ""} ${looked.tried < looked.n ? `${looked.tried} were tried.` : ""} ${looked.remarks.slice(0, 2).join(" ")}</p>
    ${looked.unreadable.length > 0 && !goOn && html`<${Notice} bold=${`${readable} of ${counted(looked.n, "file")} can be read; ${looked.unreadable[0].name} cannot.`} alert>
      ${looked.unreadable[0].why} ${looked.unreadable.length > 1 ? `And ${looked.unreadable.length - 1} more.` : ""}
      <p class="ways"><button class="button" onClick=${again}>Try again</button> ${readable > 0 && html`<button class="button" onClick=${() => setGoOn(true)}>Go on with ${readable}</button>`}</p></${Notice}>`}
    ${goOn && looked.kind === "image" && html`<${Purpose} looked=${looked} paint=${paint} choose=${setPaint} />`}
    ${goOn && !paint && html`<h2>Asked next, before the first look</h2>
    <div class="questions">
      <div><${Together} />
        <label><b>What belongs together?</b> Rows from one image, event, station or patient are never split between training and testing.
        ${looked.columns.length
          ? html`<select value=${group} onChange=${(/** @type {any} */ event) => setGroup(event.target.value)}><option value="">each row for itself</option>${looked.columns.map((column) => html`<option value=${column}>by ${column}</option>`)}</select>`
          : html`<span class="quiet">For these files: by ${looked.kind === "signal" ? "station" : "image"}.</span>`}</label></div>
      <div><${Dealt} share=${sealed} />
        <label><b>How much to seal?</b> Sealed rows stay closed until you open them: once, with a reason, on the record.
        <span><input type="number" min="0" max="60" step="5" value=${sealed} onInput=${(/** @type {any} */ event) => setSealed(Number(event.target.value))} /> % of them</span></label></div>
    </div>`}
    ${goOn && html`<p class="make"><label>Called <input type="text" value=${name} onInput=${(/** @type {any} */ event) => setName(event.target.value)} /></label>
      <button class="button primary" disabled=${making || !name} onClick=${make}>${making ? "Making the study ..." : "Make the study"}</button>
      <button class="button quiet" onClick=${() => openForm("new", { study: name, paths: chosen, ...settings })}>All settings</button></p>
    ${wrong && html`<${Notice} bold="The study was not made." alert>${wrong}</${Notice}>`}`}
    ${jobs.filter((job) => job.verb === "new").slice(-1).map((job) => job.error && html`<${Notice} bold="The study was not made." alert>${job.error}</${Notice}>`)}
  </div>`;
}

/** What the images are for. @param {{looked: Looked, paint: boolean, choose: (paint: boolean) => void}} props */
function Purpose({ looked, paint, choose }) {
  const planes = looked.readable.length;
  return html`<fieldset class="purpose"><legend>What are these images for?</legend>
    <label><input type="radio" name="purpose" checked=${!paint} disabled=${!planes} onChange=${() => choose(false)} /> <span><b>Find objects</b> Each object becomes a row: measured, mapped, labelled.
      ${looked.stacks.length ? html`<em>${planes ? `Only in ${counted(planes, "plane")}: stacks and time series are left out.` : "Not in stacks and time series: objects are found in planes."}</em>` : null}</span></label>
    <label><input type="radio" name="purpose" checked=${paint} onChange=${() => choose(true)} /> <span><b>Paint only</b> Paint a few strokes, and a forest tells every pixel. Nothing is measured, there are no rows; stacks and time series are painted slice by slice.</span></label></fieldset>`;
}

/** "embryo.tif: 2 channels, 7 planes of 200 x 260 pixels." @param {Looked} looked */
function stacked({ stacks }) {
  const said = stacks.slice(0, 2).map((one) => `${one.name}: ${one.size}`).join("; ");
  return `${said}${stacks.length > 2 ? `; and ${stacks.length - 2} more that are no single planes` : ""}.`;
}

/** Rows that belong together, drawn. */
function Together() {
  const dots = [[12, 14], [30, 8], [22, 30], [44, 22]];
  return html`<svg viewBox="0 0 300 56" class="drawn" aria-hidden="true">${[0, 1, 2, 3].map((i) => html`<g transform=${`translate(${i * 76} 1)`}><rect width="66" height="52" rx="2" class=${i === 3 ? "put-away" : "frame"} />${dots.map(([x, y], j) => html`<circle cx=${x + ((i * 7 + j * 3) % 9)} cy=${y + ((i * 5) % 11)} r="4" class=${i === 3 ? "wax" : "dot"} />`)}</g>`)}</svg>`;
}

/** The share that is sealed, drawn. @param {{share: number}} props */
function Dealt({ share }) {
  const n = 36, sealed = Math.round((n * Math.min(100, Math.max(0, share))) / 100);
  const picked = new Set([...Array(n).keys()].sort((a, b) => ((a * 17) % 37) - ((b * 17) % 37)).slice(0, sealed));
  return html`<svg viewBox="0 0 300 56" class="drawn" aria-hidden="true">${[...Array(n).keys()].map((i) => html`<rect x=${1 + (i % 12) * 25} y=${1 + Math.floor(i / 12) * 19} width="18" height="14" class=${picked.has(i) ? "sealed" : "frame"} />`)}</svg>`;
}

/** The demo, and studies that are there. */
function Aside() {
  const [recent, setRecent] = useState(/** @type {any} */ (null));
  const [wrong, setWrong] = useState("");
  const jobs = use((s) => s.jobs);
  const running = jobs.find((job) => job.verb === "demo" && (job.state === "running" || job.state === "waiting"));
  const failed = jobs.filter((job) => job.verb === "demo").slice(-1).find((job) => job.state === "failed");
  const load = () => ask("start.recent").then(setRecent).catch(() => undefined);
  useEffect(() => { void load(); return on("open", () => void load()); }, []);
  const attempt = (/** @type {string} */ name, /** @type {any} */ given) => ask(name, given).catch((error) => setWrong(error.message));

  return html`<section class="column start-aside"><div class="scroll inset">
    <h2>Or try the demo</h2>
    ${[["blobs", "Round or elongated?", "100 blobs in one simulated photograph: measure, explore, name, train, validate, open the seal.", "about 30 s"],
       ["signals", "Noise, tremor, earthquake?", "Four simulated seismometers. Which measurement tells what they recorded apart?", "about 60 s"]].map(([what, title, text, price], i) => html`<div class="demo">
      ${what === "blobs" ? html`<${Images} />` : html`<${Recordings} />`}
      <div><b>${title}</b><p>${text}</p><button class=${`button ${i ? "" : "primary"}`} disabled=${Boolean(running)} title=${running ? "A walk-through is running" : ""} onClick=${() => attempt("start.demo", { what })}>${running ? "Running ..." : i ? "Run" : "Run the walk-through"}</button> <span class="quiet">${price}</span></div></div>`)}
    ${failed && html`<${Notice} bold="The demo stopped." alert>${failed.error}</${Notice}>`}
    ${wrong && html`<${Notice} bold="That was refused." alert>${wrong}</${Notice}>`}
    <h2>Studies here</h2>
    ${recent && recent.studies.length > 0 && html`<table><thead><tr><th>study</th><th>last</th><th>seal</th><th class="number"></th></tr></thead><tbody>
      ${recent.studies.map((/** @type {any} */ one) => html`<tr><td><button class="link" onClick=${() => attempt("start.open", { folder: one.folder })}>${one.name}</button></td><td class="quiet last" title=${one.last}>${one.verb}</td><td>${one.seal}</td><td class="number quiet" title=${new Date(one.touched * 1000).toISOString()}>${ago(one.touched)}</td></tr>`)}</tbody></table>`}
    ${recent && recent.studies.length === 0 && html`<p class="quiet">None yet in <code>${recent.home}</code>. A study that you make stands here from then on.</p>`}
    <p class="quiet reach">Only this computer can reach the page. For a server in the lab:<br /><code>ssh -L ${location.port}:localhost:${location.port} labserver</code></p>
  </div></section>`;
}

/** "2 h ago". @param {number} seconds since 1970 */
function ago(seconds) {
  const passed = Date.now() / 1000 - seconds;
  if (passed < 90) return "now";
  if (passed < 5400) return `${Math.round(passed / 60)} min ago`;
  if (passed < 86400) return `${Math.round(passed / 3600)} h ago`;
  return new Date(seconds * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short" });
}
