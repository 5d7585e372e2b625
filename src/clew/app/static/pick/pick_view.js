// @ts-check
/** Picks: a recording with what a model says of it, to be confirmed, moved, deleted or put by keyboard. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { useDark } from "../beside/light.js";
import { useKeys } from "../core/keys.js";
import { Empty, Notice } from "../core/parts.js";
import { Sheet } from "../core/sheet.js";
import { use } from "../core/state.js";
import { count, counted } from "../core/words.js";
import { openForm } from "../shell/form.js";
import { inkOf, Seismogram } from "./seismogram.js";
import {
  change, clocked, confirm, drop, enter, focused, goTo, items, jump, listen, listenToAll, moveTo, NONE, nudge, open, unjudged, progress, putHere, room, same, setBand, setModel, setWidth,
  shown, standing, step, turn, undo, useRoom, view, watchRoom, zoom,
} from "./pick_room.js";

const MOST_LISTED = 200; // lines of the table, those nearest to the cursor

export function PicksView() {
  const now = useRoom(), [error, setError] = useState("");
  useEffect(() => { enter().catch((why) => { if (why.kind !== "Stale") setError(why.message); }); }, []);
  const bands = () => setBand(room.bands[(room.bands.indexOf(room.band) + 1) % room.bands.length]);
  useKeys({
    ArrowLeft: () => step(-1), ArrowRight: () => step(1), n: () => void jump(1), "Shift+n": () => void jump(-1), Enter: confirm, Delete: drop, Backspace: drop,
    p: () => putHere("P"), s: () => putHere("S"), u: undo, "mod+z": undo, "Alt+ArrowLeft": () => nudge(-1), "Alt+ArrowRight": () => nudge(1), h: () => nudge(-1), l: () => nudge(1),
    "Alt+Shift+ArrowLeft": () => nudge(-10), "Alt+Shift+ArrowRight": () => nudge(10), "Shift+h": () => nudge(-10), "Shift+l": () => nudge(10),
    "Shift+ArrowLeft": () => view(room.start - room.lasts / 2), "Shift+ArrowRight": () => view(room.start + room.lasts / 2), "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5),
    0: () => view(0, shown()?.lasts ?? room.lasts), "[": () => turn(-1), "]": () => turn(1), b: bands, Escape: () => (room.focus ? change({ focus: null }) : false),
  }, { where: "picks" });
  if (error) return html`<${Empty}><b>There is nothing to pick.</b> ${error}<//>`;
  if (!now.ready) return html`<p class="waiting">Looking for recordings.</p>`;
  if (!now.recordings.length) return html`<${Empty}><b>There is no recording to pick.</b> ${now.sealed ? `All ${count(now.sealed)} recordings of this study are sealed.` : "No row of this study is open."}<//>`;
  return html`<div class="picks"><${Middle} /><${Sheet} title="Picks" name="picks-side"><${Side} /><//></div>`;
}

/** @param {string} name @param {(value: string) => void} to @param {string} value @param {[string, string][]} choices */
const chosen = (name, to, value, choices) => html`<label class="choice"><span>${name}</span> <select value=${value} onChange=${(/** @type {any} */ event) => { to(event.target.value); event.target.blur(); }}>${choices.map(([one, words]) => html`<option value=${one} selected=${one === value}>${words}</option>`)}</select></label>`;

function Middle() {
  const now = useRoom(), place = useRef(/** @type {HTMLCanvasElement | null} */ (null)), picture = useRef(/** @type {Seismogram | null} */ (null)), dark = useDark();
  useEffect(() => {
    if (!place.current) return undefined;
    const made = picture.current = new Seismogram(place.current, {
      scene: () => { const held = shown(); return held ? { room, dated: held.dated, origin: held.start, items: items(), focus: focused() } : null; },
      cursor: (time) => { change({ focus: null }); moveTo(time); },
      focus: goTo, view, zoom,
      drag: (item, time, done) => { if (item.pick) moveTo(time, done); },
    });
    const ends = watchRoom(() => made.draw()), watcher = new ResizeObserver(([one]) => setWidth(one.contentRect.width));
    watcher.observe(place.current);
    return () => { ends(); watcher.disconnect(); made.close(); picture.current = null; };
  }, []);
  useEffect(() => { picture.current?.draw(); }, [dark]);
  const held = shown(), all = items(), item = focused(), at = now.recordings.findIndex((one) => one.name === now.recording);
  const models = /** @type {[string, string][]} */ ([...(now.step ? [["", `found by step ${now.step.id}`]] : []), ...now.models.map((one) => [one, `${one}, asked here`]), [NONE, "none: by hand"]]);
  const label = held ? `${held.name}, ${held.components.join(", ")}, ${clocked(held.start + now.start, held.dated)}, ${now.lasts.toFixed(1)} s; ${counted(all.filter((one) => one.pick?.kind === "put").length, "pick")} by people, ${count(unjudged().length)} of a model not judged. The cursor is at ${clocked(now.cursor, held.dated)}. Arrows go from pick to pick, Enter confirms, Delete rejects, P and S put one.` : "loading";
  return html`<section class="column picks-middle" aria-label="Recording"><div class="bar"><h2 class="hidden">Picks</h2>
      <button class="button" aria-label="Recording before" title="Recording before ([)" disabled=${at <= 0} onClick=${() => turn(-1)}>‹</button>
      ${chosen("recording", (name) => void open(name), now.recording, now.recordings.map((one) => [one.name, one.name]))}
      <button class="button" aria-label="Next recording" title="Next recording (])" disabled=${at >= now.recordings.length - 1} onClick=${() => turn(1)}>›</button>
      <span class="quiet small">${at + 1} of ${now.recordings.length}</span>
      <span class="right">${chosen("filter", setBand, now.band, now.bands.map((one) => [one, one]))}${chosen("model", (name) => void setModel(name), now.model, models)}</span></div>
    ${now.why && html`<${Notice} bold="This recording cannot be shown." alert=${true}>${now.why}<//>`}
    <div class="picks-canvas"><canvas ref=${place} tabindex="0" role="application" aria-label=${label}></canvas></div>
    <p class="picks-below"><b>${held ? clocked(now.cursor, held.dated) : ""}</b>
      ${item ? html`<span>${item.pick ? (item.pick.kind === "put" ? `${item.phase}, picked by ${item.pick.who || "you"}` : `${item.phase}, rejected by ${item.pick.who || "you"}`) : `${item.phase}, probability ${item.probability?.toFixed(2)}`}</span>` : null}
      ${now.mute ? html`<span>${now.mute}</span>` : null}
      <span class="right quiet small">${held ? `${held.rate} Hz, ${now.lasts < 10 ? now.lasts.toFixed(2) : Math.round(now.lasts)} s of ${Math.round(held.lasts)} s` : ""}</span></p></section>`;
}

function Side() {
  const now = useRoom(), item = focused(), held = shown();
  const all = items(), nearest = [...all].sort((a, b) => Math.abs(a.time - now.cursor) - Math.abs(b.time - now.cursor)).slice(0, MOST_LISTED), listed = all.filter((one) => nearest.includes(one));
  const running = use((s) => s.jobs).some((/** @type {any} */ one) => one.verb === "pick" && (one.state === "running" || one.state === "waiting"));
  const ask = now.model !== NONE && now.model !== "" && !now.heard;
  return html`<section class="column" aria-label="Picks"><div class="bar"><h2>What to judge next</h2></div><div class="scroll">
    <div class="section">
      ${now.model === NONE ? html`<p>No model is asked. Click into the traces, then press <kbd>P</kbd> or <kbd>S</kbd>.</p>
        ${!now.models.length && !now.step && html`<p class="quiet">This study has no picking model yet: <button class="link" onClick=${() => openForm("train", { model: "phasenet" })}>train one</button> on the picks that you make.</p>`}` : html`
      <p class="finding">${now.queue.n ? html`<b>${progress()}.</b> ${now.queue.left ? "Those nearest to the threshold come first." : "Nothing is left to judge."}` : html`<b>Nothing was found yet.</b>`}</p>
      <p class="acts"><button class="button" disabled=${!now.queue.left} title=${now.queue.left ? "The pick nearest to the threshold, of all stations in turn (N)" : "Every pick is judged"} onClick=${() => void jump(1)}>Next: least sure <kbd>N</kbd></button>
        ${ask && html`<button class="button" disabled=${Boolean(now.asking)} onClick=${() => void listen()}>${now.asking ? "Picking…" : "Pick this recording"}</button>`}
        ${now.model && html`<button class="button" disabled=${running} title="As clew pick does: what is found goes on record" onClick=${() => void listenToAll()}>${running ? "Picking all…" : "Pick all recordings"}</button>`}</p>
      ${now.asking?.total ? html`<p class="quiet small">${count(now.asking.done)} of ${counted(now.asking.total, "second")}</p>` : null}`}
      ${now.sealed ? html`<p class="quiet small">${counted(now.sealed, "recording")} held back: sealed until the test.</p>` : null}</div>
    <div class="section"><h2>This one</h2>
      ${item ? html`<p><${Phase} phase=${item.phase} /> ${held && clocked(item.time, held.dated)}${item.probability !== null && item.probability !== undefined ? `, probability ${item.probability.toFixed(2)}` : ""}</p>
      <p class="acts">${item.pick ? html`<button class="button" onClick=${drop}>${item.pick.kind === "put" ? "Delete" : "No longer reject"} <kbd>Del</kbd></button>` : html`<button class="button primary" onClick=${confirm}>Confirm <kbd>Enter</kbd></button> <button class="button" onClick=${drop}>Reject <kbd>Del</kbd></button>`}
        <button class="button quiet" onClick=${undo}>Undo <kbd>U</kbd></button></p>
      <p class="quiet small"><kbd>H</kbd> <kbd>L</kbd> move it by one sample, with <kbd>Shift</kbd> by ten.</p>` : html`<p class="quiet">No pick has the focus. <kbd>←</kbd> <kbd>→</kbd> go from one to the next.</p>
      <p class="acts"><button class="button" onClick=${() => putHere("P")}>P here <kbd>P</kbd></button> <button class="button" onClick=${() => putHere("S")}>S here <kbd>S</kbd></button> <button class="button quiet" onClick=${undo}>Undo <kbd>U</kbd></button></p>`}</div>
    <div class="section"><h2>In this recording</h2>
      ${all.length ? html`<table class="picks-table"><thead><tr><th>time</th><th>phase</th><th>said by</th></tr></thead><tbody>
        ${listed.map((one) => html`<tr class=${item && same(one.focus, item.focus) ? "now" : ""}><td><button class="link" onClick=${() => goTo(one)}>${held && clocked(one.time, held.dated)}</button></td>
          <td><${Phase} phase=${one.phase} /></td><td>${one.pick ? `${one.pick.who || "you"}${one.pick.kind === "rejected" ? ", rejected" : ""}${one.pick.unsaved ? " (not saved)" : ""}` : `model, ${one.probability?.toFixed(2)}`}</td></tr>`)}</tbody></table>
        ${all.length > listed.length ? html`<p class="quiet small">${listed.length} of ${count(all.length)}, those nearest to the cursor.</p>` : null}` : html`<p class="quiet">No picks yet. Press <kbd>P</kbd> or <kbd>S</kbd> at the cursor.</p>`}
      <p class="quiet small">${counted(standing().filter((one) => one.kind === "put").length, "pick")} by people.</p></div></div></section>`;
}

/** @param {{phase: string}} props */
function Phase({ phase }) { return html`<b class="picks-phase" style=${`color:var(--c${inkOf(phase)})`}>${phase}</b>`; }
