// @ts-check
/** One small map a run, turned to match: what differs between runs is seen before any number is read. */
import { html, useEffect, useRef } from "../vendor/preact-htm.js";
import { colour, PATHS } from "../core/marks.js";
import { use } from "../core/state.js";
import { useMap, useTheme } from "./store.js";
import { setRun, togglePlay } from "./playing.js";

const WIDE = 44, HIGH = 40;

/** @param {{run: number, runs: number, theme: string}} props */
function SmallMap({ run, runs, theme }) {
  const strip = useMap((map) => map.strip), look = useMap((map) => map.look), current = use((s) => s.run === run);
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  useEffect(() => { if (canvas.current && strip && look) draw(canvas.current, strip, look.extent, run); }, [strip, look, run, theme]);
  return html`<button class="small-map" aria-current=${current ? "true" : null} aria-label=${`Run ${run + 1} of ${runs}`} onClick=${() => setRun(run)}>
    <canvas ref=${canvas} style=${`width:${WIDE}px;height:${HIGH}px`} aria-hidden="true"></canvas><span>${run + 1}</span></button>`;
}

/** @param {HTMLCanvasElement} canvas @param {{n: number, places: Uint16Array, groups: Uint8Array}} strip @param {number[]} extent @param {number} run */
function draw(canvas, strip, [left, right, low, high], run) {
  const density = Math.max(1, window.devicePixelRatio || 1), pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  canvas.width = WIDE * density;
  canvas.height = HIGH * density;
  const [x0, x1] = middle(strip.places, 0), [y0, y1] = middle(strip.places, 1);
  const [unitX, unitY] = [(right - left) / 65534, (high - low) / 65534];
  const scale = Math.min((WIDE - 6) / ((x1 - x0) * unitX), (HIGH - 6) / ((y1 - y0) * unitY));
  const size = strip.n > 150 ? 0.26 : 0.34;
  for (let i = 0; i < strip.n; i += 1) {
    const at = 2 * (run * strip.n + i), x = WIDE / 2 + (strip.places[at] - (x0 + x1) / 2) * unitX * scale, y = HIGH / 2 - (strip.places[at + 1] - (y0 + y1) / 2) * unitY * scale;
    const kind = strip.groups[i] === 255 ? -1 : strip.groups[i];
    pen.setTransform(density * size, 0, 0, density * size, x * density, y * density);
    pen.fillStyle = colour(kind);
    pen.fill(markers[kind < 0 ? 0 : kind % 6]);
  }
}

/** Where all but the outermost 2 % of all runs lie, so that one far row does not make all maps small. @param {Uint16Array} places @param {0 | 1} axis @returns {[number, number]} */
function middle(places, axis) {
  const sorted = places.filter((_, i) => i % 2 === axis).sort();
  const [low, high] = [sorted[Math.floor(0.01 * (sorted.length - 1))], sorted[Math.ceil(0.99 * (sorted.length - 1))]];
  return high > low ? [low, high] : [low, low + 1];
}
const markers = PATHS.map((path) => new Path2D(path));

export function RunStrip() {
  const look = useMap((map) => map.look), playing = useMap((map) => map.playing), run = use((s) => s.run);
  const theme = useTheme();
  const row = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => { row.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" }); }, [run]);
  if (!look || look.runs < 2) return null;
  const shared = look.shared === null ? "" : `; two runs share ${Math.round(100 * look.shared)} % of ${look.k} neighbours`;
  return html`<section class="runs" aria-label="Runs">
    <div class="head"><h2>Run ${run + 1} of ${look.runs}</h2><span class="quiet small">turned to match${shared}</span>
      <button class="button quiet" aria-pressed=${playing ? "true" : "false"} onClick=${togglePlay}>${playing ? "❚❚ Stop" : "▶ Play"}</button></div>
    <div class="strip" ref=${row}>${Array.from({ length: look.runs }, (_, i) => html`<${SmallMap} key=${i} run=${i} runs=${look.runs} theme=${theme} />`)}</div></section>`;
}
