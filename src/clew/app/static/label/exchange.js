// @ts-check
/** Labels to and from files: of other tools, and plain tables. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { useLabels } from "../core/labels.js";
import { Notice } from "../core/parts.js";
import { ask } from "../core/socket.js";
import { say, use } from "../core/state.js";
import { count, counted } from "../core/words.js";

/** @typedef {{formats: {format: string, title: string}[], labels: number, most: number}} Held */
/** @typedef {{lines: string[]} | {refused: string}} Told */

const READS = ".csv,.tsv,.parquet,.json,.geojson,.xml,.quakeml,.qml,.tif,.tiff,.png,.ilp";

/** Import and export of labels; stands in a dialog or a column. */
export function Exchange() {
  const version = useLabels(), study = use((s) => s.about?.study);
  const [held, setHeld] = useState(/** @type {Held | null} */ (null));
  const [told, setTold] = useState(/** @type {Told | null} */ (null));
  const [busy, setBusy] = useState("");
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => { ask("labels.formats").then(setHeld, () => {}); }, [version]);

  /** @param {string} what @param {() => Promise<any>} work */
  const run = async (what, work) => {
    setBusy(what);
    try {
      const { lines } = await work();
      setTold({ lines });
      say(lines[0]);
    } catch (error) { setTold({ refused: /** @type {Error} */ (error).message }); } finally { setBusy(""); }
  };
  const bring = () => {
    const file = input.current?.files?.[0];
    if (!file) return;
    if (held && file.size > held.most) {
      setTold({ refused: `'${file.name}' has ${count(Math.round(file.size / 1e6))} MB, and at most ${(held.most / 1e6).toFixed(1)} MB fit through the page: clew label ${study?.folder} ${file.name}` });
      return;
    }
    void run(`Reading ${file.name}`, async () => ask("labels.import", { name: file.name, data: await inBase64(file) }));
    if (input.current) input.current.value = "";
  };
  return html`<div class="exchange">
    <section><h3>Bring labels in</h3>
      <p class="quiet small">A table of sample and label (CSV, Parquet), COCO, Label Studio, QuPath's GeoJSON, painted label images, QuakeML. Nothing is recorded unless all fits.</p>
      <p><input ref=${input} id="exchange-file" class="hidden" type="file" accept=${READS} tabindex="-1" aria-hidden="true" onChange=${bring} />
        <button class="button" disabled=${Boolean(busy)} onClick=${() => input.current?.click()}>${busy || "Choose a file"}</button></p>
      ${told && ("refused" in told
    ? html`<${Notice} bold="Nothing was recorded." alert>${told.refused}<//>`
    : html`<div role="status" class="told">${told.lines.slice(0, 4).map((line) => html`<p>${line}</p>`)}
        <button class="button" disabled=${Boolean(busy)} onClick=${() => run("Taking back", () => ask("labels.undo_import"))}>Take it back</button></div>`)}</section>
    <section><h3>Take labels out</h3>
      <p class="quiet small">${held && held.labels ? `${counted(held.labels, "label")} that people gave to open rows; names of groups are none.` : "No labels of people yet: label some rows, and they can be taken out here."}</p>
      <p class="formats">${held && held.labels ? held.formats.map((one) => html`<a class="button" key=${one.format} href=${`/labels/${one.format}`} download>${one.title}</a>`) : null}</p></section></div>`;
}

/** @param {File} file @returns {Promise<string>} */
function inBase64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(",")[1] ?? "");
    reader.onerror = () => reject(new Error(`'${file.name}' cannot be read.`));
    reader.readAsDataURL(file);
  });
}
