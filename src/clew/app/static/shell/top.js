// @ts-check
/** The top bar: mark, views, study, save state, who is here, light or dark, palette, keys. */
import { html, useRef, useState } from "../vendor/preact-htm.js";
import { ask } from "../core/socket.js";
import { labelled, useLabels } from "../core/labels.js";
import { refused } from "../core/notices.js";
import { useSaveState } from "../core/outbox.js";
import { say, set, state, use } from "../core/state.js";
import { openDialog } from "./dialog.js";

const THEMES = /** @type {const} */ (["system", "light", "dark"]);
const kept = localStorage.getItem("clew theme");
if (kept === "light" || kept === "dark") set({ theme: kept });

const MARK = html`<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" aria-hidden="true"><circle cx="10.5" cy="10.5" r="8" /><path d="M4 7.5C8 4 13.5 4 17 6.2M2.8 12C6.5 6.8 12 6 17.8 8.4M5 16.2C7 10.5 12 8.2 18.4 10.6M9 18.2C9.6 13.5 13 10.8 18 12.6M4.5 5.5C8.5 8 11 12.5 11.5 18.3M8 3C12.5 6 15.3 10.5 15.6 16.6" /><path d="M16.2 16.2C17.6 17.9 19.2 20.4 22.5 20.2" /></svg>`;

/** @param {{views: Record<string, [string, any]>, palette: () => void, help: () => void}} props */
export function Top({ views, palette, help }) {
  const view = use((s) => s.view), about = use((s) => s.about);
  const study = about.study;
  return html`<header class="top">
    <button class="mark" aria-label="clew, the start page" onClick=${() => set({ view: "start" })}>${MARK}clew</button>
    <nav aria-label="Views">${study && Object.entries(views).filter(([name]) => (name !== "denoise" || study.kind === "image") && (name !== "picks" || study.kind === "signal")).map(([name, [title]]) => html`<button key=${name} aria-current=${name === view ? "page" : null}
      onClick=${() => set({ view: /** @type {any} */ (name) })}>${title}${name === "label" ? html`<${Labelled} before=${study.labels} />` : null}</button>`)}</nav>
    <div class="right">${study && html`<b title=${study.folder}>${study.name}</b><${Saved} />`}
      <button class="who" title="Who is at this page; invite others" onClick=${openWho}>${about.who}</button><${Theme} />
      <button class="wide-only" onClick=${palette}><kbd>Ctrl K</kbd> go to or run</button><button onClick=${help}><kbd>?</kbd> keys</button></div></header>`;
}

/** How many rows people have labelled: follows each label. @param {{before: number}} props  before: as the server said at first */
function Labelled({ before }) {
  useLabels();
  return html`<small>${labelled() ?? before}</small>`;
}

/** Whether all that was said here is on the server's disk. */
function Saved() {
  const { text, safe } = useSaveState();
  return html`<span class="save" data-safe=${safe ? "yes" : "no"}>${text}</span>`;
}

const SIGNS = {
  system: html`<svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="1.4" /><path d="M8 2a6 6 0 0 1 0 12Z" fill="currentColor" /></svg>`,
  light: html`<svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" aria-hidden="true"><circle cx="8" cy="8" r="3" /><path d="M8 1v1.600M8 13.400V15M1 8h1.600M13.400 8H15M3 3l1.100 1.100M11.900 11.900L13 13M3 13l1.100-1.100M11.900 4.100L13 3" /></svg>`,
  dark: html`<svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linejoin="round" aria-hidden="true"><path d="M13.500 9.800A6 6 0 0 1 6.200 2.500a6 6 0 1 0 7.300 7.300Z" /></svg>`,
};

/** Light, dark, or as the system has it. */
function Theme() {
  const theme = use((s) => s.theme);
  const turn = () => {
    const next = THEMES[(THEMES.indexOf(state.theme) + 1) % 3];
    localStorage.setItem("clew theme", next);
    set({ theme: next });
    say(next === "system" ? "Light or dark as the system has it." : `The page is ${next} now.`);
  };
  return html`<button class="theme" onClick=${turn} aria-label=${`Light or dark: ${theme}`} title=${`Light or dark: ${theme}`}>${SIGNS[theme]}</button>`;
}

function openWho() { openDialog("Who is here", (close) => html`<${Who} close=${close} />`); }

/** @param {{close: () => void}} props */
function Who({ close }) {
  const about = use((s) => s.about);
  const box = useRef(/** @type {HTMLInputElement | null} */ (null));
  const [address, setAddress] = useState(""), [error, setError] = useState(""), [guest, setGuest] = useState("");
  const keep = (/** @type {Event} */ event) => {
    event.preventDefault();
    ask("who.set", { name: box.current?.value ?? "" }).then(({ who }) => {
      set({ about: { ...state.about, who, people: [...new Set([...state.about.people.filter((/** @type {string} */ one) => one !== about.who), who])].sort() } });
      say(`Labels are signed by ${who} from now on.`);
      close();
    }, (why) => setError(why.message));
  };
  const others = about.people.filter((/** @type {string} */ one) => one !== about.who);
  return html`<div class="scroll who-dialog"><form onSubmit=${keep}><label>Your name, as labels and steps are signed
      <input type="text" ref=${box} value=${about.who} maxlength="60" autofocus /></label> <button class="button primary">Keep this name</button></form>
    ${error && html`<div class="notice" role="alert">${error}</div>`}
    <p>${others.length ? `Also here: ${others.join(", ")}.` : "Nobody else has the page open."}</p>
    <p><b>Invite somebody.</b> A new address opens this page once, in another browser. Whoever has it can see, label and run everything in this study, but not choose files of this machine.</p>
    <div class="invite"><label>Their name <input type="text" maxlength="60" value=${guest} onInput=${(/** @type {any} */ e) => { setGuest(e.target.value); setAddress(""); }} /></label> <button class="button" disabled=${!guest.trim()} title=${guest.trim() ? "" : "Their labels are signed with their name"} onClick=${() => ask("invite", { name: guest }).then((answer) => setAddress(answer.address), refused)}>Make an address</button>
      ${address && html`<input type="text" class="mono" readonly aria-label="The new address" value=${address} onFocus=${(/** @type {any} */ e) => e.target.select()} />
        <button class="button" onClick=${() => navigator.clipboard?.writeText(address).then(() => say("The address is copied."), () => say("Select the address, and copy it."))}>Copy</button>`}</div></div>`;
}
