// @ts-check
/** The frame of the page: top bar, rail with the thread and the seal, the view, the status line. */
import { html } from "../vendor/preact-htm.js";
import { set, use } from "../core/state.js";
import { ExploreView } from "../views/explore.js";
import { StartView } from "../views/start.js";
import { PaintView } from "../paint/paint_view.js";
import { SortView } from "../label/sort_view.js";
import { LabelView } from "../label/label_view.js";
import { ValidateView } from "../cards/validate_view.js";
import { ReportView } from "../cards/report_view.js";

/** @type {Record<string, [string, any]>} */
export const VIEWS = {
  explore: ["Explore", ExploreView], paint: ["Paint", PaintView], sort: ["Sort", SortView], label: ["Label", LabelView],
  validate: ["Validate", ValidateView], report: ["Report", ReportView],
};

export function Shell() {
  const view = use((s) => s.view), about = use((s) => s.about), status = use((s) => s.status);
  if (!about) return html`<p class="waiting">Opening the workbench.</p>`;
  const Now = view === "start" ? StartView : VIEWS[view][1];
  return html`<header class="top"><b>clew</b>
    <nav>${about.study && Object.entries(VIEWS).map(([name, [title]]) => html`<button class="button quiet" aria-current=${name === view ? "page" : null} onClick=${() => set({ view: /** @type {any} */ (name) })}>${title}</button>`)}</nav></header>
    <main class="view"><${Now} /></main><footer role="status">${status}</footer>`;
}
