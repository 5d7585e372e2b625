// @ts-check
/** Opens the page: connects, asks what there is, and draws the frame. */
import { html, render } from "./vendor/preact-htm.js";
import { ask, connect, on } from "./core/socket.js";
import { set, state, watch } from "./core/state.js";
import { Shell } from "./shell/shell.js";

/** Learn what is open; called after each connection and each change. */
async function refresh() {
  const about = await ask("about");
  const first = state.about === null;
  set({ about, version: about.version });
  const before = history.state?.view; // a page that is loaded anew comes back to where it was
  if (first) set({ view: !about.study ? "start" : before ?? (about.study.paint ? "paint" : "explore") });
}

const lights = matchMedia("(prefers-color-scheme: dark)");
function light() {
  const wanted = state.theme === "system" ? (lights.matches ? "dark" : "light") : state.theme;
  document.documentElement.dataset.theme = wanted;
}
lights.addEventListener("change", light);
watch(light);
light();

/** The browser's back button goes to the view before, and not out of the page. */
let shown = state.view;
watch(() => {
  if (state.about === null || state.view === shown) return;
  if (history.state?.view) history.pushState({ view: state.view }, ""); else history.replaceState({ view: state.view }, "");
  shown = state.view;
});
addEventListener("popstate", (event) => {
  const view = event.state?.view;
  if (!view || (view !== "start" && !state.about?.study)) return;
  shown = view;
  set({ view });
});

on("open", () => void refresh());
on("changed", () => void refresh());
on("opened", () => location.reload()); // another study: everything begins anew
/** For tests and the curious. */
Object.assign(window, { clew: { state, set, ask } });
render(html`<${Shell} />`, /** @type {HTMLElement} */ (document.getElementById("page")));
connect();
