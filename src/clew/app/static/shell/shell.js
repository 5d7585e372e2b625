// @ts-check
/** The frame of the page: top bar, rail with the thread and the seal, the view, the status line. */
import { html, useErrorBoundary } from "../vendor/preact-htm.js";
import { useKeys } from "../core/keys.js";
import { refused } from "../core/notices.js";
import { undo } from "../core/outbox.js";
import { say, set, state, use } from "../core/state.js";
import { ExploreView } from "../views/explore.js";
import { StartView } from "../start/start_view.js";
import { PaintView } from "../paint/paint_view.js";
import { PicksView } from "../pick/pick_view.js";
import { DenoiseView } from "../denoise/denoise_view.js";
import { SortView } from "../label/sort_view.js";
import { LabelView } from "../label/label_view.js";
import { ValidateView } from "../cards/validate_view.js";
import { ReportView } from "../cards/report_view.js";
import { Empty } from "../core/parts.js";
import { Dialogs } from "./dialog.js";
import { openHelp } from "./help.js";
import { openPalette } from "./palette.js";
import { Rail } from "./rail.js";
import { Notices, Status } from "./status.js";
import { Top } from "./top.js";

/** @type {Record<string, [string, any]>} */
export const VIEWS = {
  explore: ["Explore", ExploreView], paint: ["Paint", PaintView], picks: ["Picks", PicksView], denoise: ["Denoise", DenoiseView], sort: ["Sort", SortView], label: ["Label", LabelView],
  validate: ["Validate", ValidateView], report: ["Report", ReportView],
};

/** @param {string} view */
export function go(view) { if (state.about?.study) set({ view: /** @type {any} */ (view) }); }

export function Shell() {
  const view = use((s) => s.view), about = use((s) => s.about);
  useKeys({
    "mod+k": () => openPalette(VIEWS, go), "?": () => openHelp(), F6: nextColumn, "Shift+F6": () => nextColumn(null, -1), u: takeBack, "mod+z": takeBack,
    "g e": () => go("explore"), "g p": () => go("paint"), "g d": () => go("denoise"), "g k": () => go("picks"), "g s": () => go("sort"), "g l": () => go("label"), "g v": () => go("validate"), "g r": () => go("report"),
  });
  if (!about) return html`<p class="waiting">Opening the workbench.</p>`;
  const Now = view === "start" ? StartView : about.study?.paint && !["paint", "denoise", "report"].includes(view) ? NoRows : VIEWS[view][1];
  return html`<div class="shell">
    <${Top} views=${VIEWS} palette=${() => openPalette(VIEWS, go)} help=${openHelp} />
    <${Rail} />
    <main class="view" tabindex="-1"><${Fenced} key=${view}><${Now} /><//></main>
    <${Status} /></div>
    <${Dialogs} /><${Notices} />`;
}

/** Stands in the place of the views that show rows, where a study has none. */
function NoRows() {
  return html`<${Empty}><b>No rows: this study is for painting.</b> Nothing was measured in its images, so there is nothing to map, sort, label or validate.
    <p><button class="button primary" onClick=${() => go("paint")}>Paint</button></p></${Empty}>`;
}

/** Take the last labelling back; views with more to undo bind these keys themselves. */
function takeBack() { if (state.about?.study) undo().then(() => say("Taken back: the last act of labelling."), refused); }

/** A view that fails says so and leaves the rest of the page alone. @param {{children?: any}} props */
function Fenced({ children }) {
  const [error, again] = useErrorBoundary((/** @type {any} */ why) => console.error(why));
  if (error) return html`<div class="inset"><div class="notice" role="alert"><b>This view has failed.</b> ${String(error.message ?? error)} Nothing that was saved is lost. <button class="link" onClick=${again}>Draw it again</button></div></div>`;
  return children;
}

/** Move the focus to the next column: rail, columns of the view, status line. @param {any} _ @param {number} [by] */
function nextColumn(_, by = 1) {
  const columns = [...document.querySelectorAll(".rail, .view .column:not(.sheet .column), .view .sheet, .view:not(:has(.column))")].filter((one) => one.getClientRects().length);
  const at = columns.findIndex((one) => one.contains(document.activeElement));
  const next = /** @type {HTMLElement | undefined} */ (columns[(at + by + columns.length) % columns.length]);
  if (!next) return;
  next.tabIndex = -1;
  next.focus();
}
