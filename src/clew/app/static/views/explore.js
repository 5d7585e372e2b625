// @ts-check
/** Explore: the map, what follows the selection, how far to trust it. */
import { html } from "../vendor/preact-htm.js";
import { MapPanel } from "../map/map_panel.js";
import { BesidePanel } from "../beside/beside_panel.js";
import { CardsPanel } from "../cards/cards_panel.js";
import { Sheet } from "../core/sheet.js";

export function ExploreView() {
  return html`<div class="explore"><${MapPanel} /><${BesidePanel} /><${Sheet} title="How sure is this?"><${CardsPanel} /><//></div>`;
}
