// @ts-check
/** The first column of Explore: the map, its tools and legend, and the strip of runs. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { useKeys } from "../core/keys.js";
import { Sign } from "../core/marks.js";
import { Empty, Notice } from "../core/parts.js";
import { set, state, use } from "../core/state.js";
import { count, counted, number } from "../core/words.js";
import { openForm } from "../shell/form.js";
import { Board, drawnNow, RAMPS } from "./board.js";
import { Boxes, openName } from "./boxes.js";
import { DecodedCard, followDecoded, togglePictures } from "./decoded.js";
import { setRun, stopPlaying, togglePlay } from "./playing.js";
import { RunStrip } from "./run_strip.js";
import { clearSelection } from "./select.js";
import { follow, map, setMap, useMap, useTheme } from "./store.js";

const METHODS = /** @type {Record<string, string>} */ ({ umap: "UMAP", tsne: "t-SNE", pca: "PCA" });
const STROKES = {
  pan: "M8 1.5V14.5M1.5 8H14.5M8 1.5L6 3.5M8 1.5L10 3.5M8 14.5L6 12.5M8 14.5L10 12.5M1.5 8L3.5 6M1.5 8L3.5 10M14.5 8L12.5 6M14.5 8L12.5 10",
  lasso: "M5.2 10.6C2.8 10 1.8 8.400 1.800 6.600C1.800 3.900 4.500 1.900 8 1.900S14.200 3.900 14.200 6.600S11.500 11 8 11C7.600 11 7.200 11 6.900 10.900M6.900 10.900A1.500 1.500 0 1 1 5.200 9.300C6.200 9.300 6.900 10 6.900 10.900C6.900 12.500 6 13.700 4.600 14.400",
  rectangle: "M2.500 5V2.500H5M7 2.500H9M11 2.500H13.500V5M13.500 7V9M13.500 11V13.500H11M9 13.500H7M5 13.500H2.500V11M2.500 9V7",
  pictures: "M2 2H7V7H2ZM9 2H14V7H9ZM2 9H7V14H2ZM9 9H14V14H9Z",
  rule: "M2 4H14M4.500 8H11.500M6.800 12H9.200",
};

/** @param {{name: keyof typeof STROKES, title: string, pressed: boolean, onClick: () => void}} props */
function Tool({ name, title, pressed, onClick }) {
  return html`<button class="tool" title=${title} aria-label=${title} aria-pressed=${pressed ? "true" : "false"} onClick=${onClick}>
    <svg viewBox="0 0 16 16" aria-hidden="true"><path d=${STROKES[name]} fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round" /></svg></button>`;
}

const toggleBox = (/** @type {"rule" | "name"} */ name) => setMap({ box: map.box === name ? "" : name });

function Bar() {
  const look = useMap((m) => m.look), tool = useMap((m) => m.tool), box = useMap((m) => m.box), pictures = useMap((m) => m.pictures), colour = use((s) => s.colour);
  const pick = (/** @type {"pan" | "lasso" | "rectangle"} */ name) => () => setMap({ tool: name });
  return html`<div class="bar"><h2>Map</h2>
    ${look && look.looks.length > 1
      ? html`<select class="plain" aria-label="Look" value=${String(look.step)} onChange=${(/** @type {any} */ e) => set({ step: Number(e.target.value), run: 0 })}>${look.looks.map((one) => html`<option value=${String(one.step)}>${METHODS[one.method] ?? one.method}, step ${one.step}</option>`)}</select>`
      : look && html`<span>${METHODS[look.method] ?? ""}</span>`}
    ${look && html`<label><span class="quiet">colour</span> <select class="plain" value=${colour} onChange=${(/** @type {any} */ e) => set({ colour: e.target.value })}>
      ${look.colours.filter((one) => !one.startsWith("feature:")).map((one) => html`<option value=${one}>${one}</option>`)}
      ${look.colours.some((one) => one.startsWith("feature:")) && html`<optgroup label="feature">${look.colours.filter((one) => one.startsWith("feature:")).map((one) => html`<option value=${one}>${one.slice(8)}</option>`)}</optgroup>`}</select></label>`}
    <div class="right tools" role="group" aria-label="Tools of the map">
      ${look?.decodes && html`<${Tool} name="pictures" title="Decoded pictures (D): what the autoencoder makes of the middle of each cell" pressed=${pictures} onClick=${togglePictures} />`}
      <${Tool} name="pan" title="Pan (H)" pressed=${tool === "pan"} onClick=${pick("pan")} />
      <${Tool} name="lasso" title="Lasso (L); Shift adds, Alt takes away" pressed=${tool === "lasso"} onClick=${pick("lasso")} />
      <${Tool} name="rectangle" title="Rectangle (R)" pressed=${tool === "rectangle"} onClick=${pick("rectangle")} />
      <${Tool} name="rule" title="Select by rule (/)" pressed=${box === "rule"} onClick=${() => toggleBox("rule")} /></div></div>`;
}

function Legend() {
  const look = useMap((m) => m.look), colours = useMap((m) => m.colours), pinned = use((s) => s.pinned !== null), theme = /** @type {"light" | "dark"} */ (useTheme());
  if (!look || !colours) return null;
  const listed = colours.by === "source" || colours.classes.length > 12 ? colours.classes.slice(0, 16) : null;
  return html`<div class="legend">
    ${colours.kind === "values"
      ? html`<span class="ramp">${number(colours.low)}<i style=${`background:linear-gradient(90deg,${RAMPS[theme].join(",")})`}></i>${number(colours.high)} ${colours.unit} <span class="quiet">${colours.by.replace("feature:", "")}${colours.cut ? "; the outermost 1 % share the colours of the ends" : ""}</span></span>`
      : listed
        ? listed.map((one, i) => html`<span><${Sign} n=${i} /> ${one.name} <span class="quiet">${count(one.n)}</span></span>`)
        : html`<span>${colours.classes.length ? colours.classes.slice(0, 6).map((_, i) => html`<${Sign} n=${i} /> `) : html`<${Sign} n=${-1} /> `}${colours.classes.length ? `${colours.by}s` : colours.by === "label" ? "no labels yet" : "no groups"}</span>`}
    ${look.wandering > 0 && html`<span><svg class="sign" viewBox="-5.5 -5.500 11 11" aria-hidden="true"><circle r="3.900" fill="none" stroke="var(--c0)" stroke-width="1.800" /></svg> wanders between runs (${counted(look.wandering, "row")})</span>`}
    ${pinned && look.runs > 1 && html`<span><svg class="sign pin" viewBox="0 0 22 11" aria-hidden="true"><path d="M9 5.500L18 3.500" stroke="var(--ink3)" /><circle cx="5.500" cy="5.500" r="4" fill="none" stroke="var(--thread)" stroke-width="1.800" /><circle cx="19" cy="3.300" r="1.700" fill="var(--ink)" /></svg> pinned row in the other ${look.runs - 1} runs</span>`}</div>`;
}

/** Without WebGL2: where points lie thickest, drawn by the server. */
function Density() {
  const step = use((s) => s.step), run = use((s) => s.run);
  return html`<img class="density" src=${`/picture/map?run=${run}${step === null ? "" : `&step=${step}`}&width=544&height=520`} alt="Where the points lie thickest" />
    <p class="says">Points cannot be drawn in this browser; selecting by rule works.</p>`;
}

function MapBoard() {
  const host = useRef(/** @type {HTMLElement | null} */ (null)), board = useRef(/** @type {Board | null} */ (null));
  const [plain, setPlain] = useState(false);
  const look = useMap((m) => m.look), run = use((s) => s.run), selection = use((s) => s.selection), tool = useMap((m) => m.tool);
  useEffect(() => {
    if (!host.current) return undefined;
    try { board.current = new Board(host.current); } catch { setPlain(true); return undefined; }
    Object.assign(/** @type {any} */ (window).clew ?? {}, { map: drawnNow });
    const one = host.current, wheel = (/** @type {WheelEvent} */ event) => board.current?.wheel(event);
    one.addEventListener("wheel", wheel, { passive: false });
    return () => { one.removeEventListener("wheel", wheel); board.current?.dispose(); board.current = null; };
  }, []);
  const act = (/** @type {(board: Board) => any} */ does) => () => (board.current ? does(board.current) : false);
  useKeys({
    h: () => setMap({ tool: "pan" }), l: () => setMap({ tool: "lasso" }), r: () => setMap({ tool: "rectangle" }), "/": () => setMap({ box: "rule" }), n: openName, d: () => (map.look?.decodes ? togglePictures() : false),
    "+": act((b) => b.zoom(1.4)), "=": act((b) => b.zoom(1.4)), "-": act((b) => b.zoom(1 / 1.4)), 0: act((b) => b.all()), p: togglePlay,
    "Shift+ArrowLeft": () => setRun(state.run - 1), "Shift+ArrowRight": () => setRun(state.run + 1),
    Escape: () => { if (board.current?.cancel()) return; if (state.pinned !== null) set({ pinned: null }); else if (state.selection.id) clearSelection(); else return false; },
  }, { where: "explore" });
  const arrows = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] });
  const key = (/** @type {KeyboardEvent} */ event) => {
    if (event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return;
    if (arrows[event.key]) { board.current?.step(...arrows[event.key]); event.preventDefault(); }
    else if (event.key === "Enter" && state.hovered !== null) { set({ pinned: state.hovered }); event.preventDefault(); }
  };
  const leave = () => { set({ hovered: null }); board.current?.point(null); };
  const shown = look ? (run === 0 ? look.n_placed : look.n_shown) : 0;
  const says = look ? `Map of ${counted(shown, "row")} in ${counted(look.groups.length, "group")}, run ${run + 1} of ${look.runs}; ${counted(selection.n, "row")} selected. Arrows go from point to point, Enter pins. The table shows the same rows.` : "Map";
  return html`<div class="board" data-tool=${tool} ref=${host} tabindex="0" role="application" aria-roledescription="map" aria-label=${says} onKeyDown=${key}
      onPointerDown=${(/** @type {PointerEvent} */ e) => board.current?.down(e)} onPointerMove=${(/** @type {PointerEvent} */ e) => board.current?.move(e)} onPointerUp=${(/** @type {PointerEvent} */ e) => board.current?.up(e)}
      onPointerCancel=${(/** @type {PointerEvent} */ e) => { board.current?.fingers.delete(e.pointerId); board.current?.cancel(); }} onPointerLeave=${leave} onBlur=${leave}>
    ${plain ? html`<${Density} />` : html`<canvas class="points" aria-hidden="true"></canvas><canvas class="over" aria-hidden="true"></canvas>`}
    <div class="corner">${look && `${count(shown)} shown of ${counted(look.n, "open row")}`}${look && !selection.n ? html`<span>Draw round some points, or select by rule.</span>` : null}</div>
    <div class="tip" hidden></div><${DecodedCard} /></div>`;
}

export function MapPanel() {
  const error = useMap((m) => m.error), look = useMap((m) => m.look), looks = use((s) => s.about).study?.looks ?? [];
  useEffect(() => {
    follow();
    followDecoded();
    window.addEventListener("clew:name", openName); // said by whoever shows the selection
    return () => { window.removeEventListener("clew:name", openName); stopPlaying(); };
  }, []);
  if (!look && error) return html`<section class="column map" aria-label="Map"><${Bar} /><${Empty}>${looks.length ? error : "Every row as a point, near rows near each other, will stand here once you look for groups."} <p><button class="button primary" onClick=${() => openForm("explore")}>Look for groups…</button></p><//></section>`;
  return html`<section class="column map" aria-label="Map"><${Bar} />${error && html`<${Notice} bold="The map is not up to date." alert=${true}>${error}<//>`}<${Boxes} /><${MapBoard} /><${Legend} /><${RunStrip} /></section>`;
}
