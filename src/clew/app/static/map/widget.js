// @ts-check
/** The linked map in a notebook: points, lasso, and the selected rows back in Python. Joined with scatter.js and lasso.js into one module. */
import { Scatter } from "./scatter.js";
import { Drawn, stroke } from "./lasso.js";

/** @typedef {{get: (name: string) => any, set: (name: string, value: any) => void, save_changes: () => void, on: (name: string, act: () => void) => void, off: (name: string, act: () => void) => void}} Model */

/** @param {DataView | null} view */
const bytes = (view) => (view ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : new Uint8Array(0));

/** @param {{model: Model, el: HTMLElement}} given */
function show({ model, el }) {
  const host = document.createElement("div"), says = document.createElement("div");
  host.style.cssText = `position:relative;width:100%;max-width:${model.get("width")}px;height:${model.get("height")}px;touch-action:none;cursor:crosshair`;
  says.style.cssText = "font:12px/18px sans-serif;opacity:.75";
  says.setAttribute("role", "status");
  const [points, over] = [0, 1].map(() => { const canvas = document.createElement("canvas"); canvas.style.cssText = "position:absolute;inset:0;width:100%;height:100%"; host.append(canvas); return canvas; });
  host.setAttribute("role", "img");
  host.setAttribute("aria-label", model.get("label"));
  el.append(host, says);
  const pen = /** @type {CanvasRenderingContext2D} */ (over.getContext("2d"));
  /** @type {Drawn | null} */ let drawn = null;
  /** @type {Scatter} */ let scatter;
  try { scatter = new Scatter(points, { margin: 16 }); } catch { says.textContent = "Points cannot be drawn in this browser; selecting in Python works."; return () => {}; }
  scatter.look = { ...scatter.look, palette: model.get("palette"), surface: "#FFFFFF" };
  const tell = () => { says.textContent = model.get("says"); };
  const place = () => {
    const data = bytes(model.get("positions"));
    scatter.setPoints(new Uint16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength)), model.get("extent"));
    scatter.setClasses(bytes(model.get("classes")));
    mark();
  };
  const mark = () => { scatter.setSelected(bytes(model.get("bits"))); scatter.redraw(); tell(); };
  const observer = new ResizeObserver(() => {
    const density = Math.min(2, window.devicePixelRatio || 1), { clientWidth, clientHeight } = host;
    over.width = clientWidth * density;
    over.height = clientHeight * density;
    pen.setTransform(density, 0, 0, density, 0, 0);
    scatter.resize(clientWidth, clientHeight, density);
    scatter.redraw();
  });
  observer.observe(host);
  const spot = (/** @type {MouseEvent} */ event) => { const box = host.getBoundingClientRect(); return /** @type {[number, number]} */ ([event.clientX - box.left, event.clientY - box.top]); };
  const clear = () => pen.clearRect(0, 0, over.width, over.height);
  host.addEventListener("pointerdown", (event) => { host.setPointerCapture(event.pointerId); drawn = new Drawn("lasso", spot(event)); });
  host.addEventListener("pointermove", (event) => { if (drawn) { drawn.to(spot(event)); clear(); stroke(pen, drawn.line, "#A2213F"); } });
  host.addEventListener("pointerup", () => {
    const polygon = drawn?.end() ?? null;
    drawn = null;
    clear();
    model.set("polygon", polygon ? polygon.map(([x, y]) => scatter.toData(x, y)) : []);
    model.save_changes();
  });
  host.addEventListener("wheel", (event) => { event.preventDefault(); scatter.zoom(Math.exp(-event.deltaY * 0.0016), ...spot(event)); scatter.redraw(); }, { passive: false });
  host.addEventListener("dblclick", () => { scatter.fit(); scatter.redraw(); });
  model.on("change:positions", place);
  model.on("change:bits", mark);
  model.on("change:says", tell);
  place();
  return () => { observer.disconnect(); scatter.dispose(); model.off("change:positions", place); model.off("change:bits", mark); model.off("change:says", tell); };
}

export default { render: show };
