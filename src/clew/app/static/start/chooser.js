// @ts-check
/** Choose files of the machine that the server runs on: they stay where they are. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { ask } from "../core/socket.js";
import { counted } from "../core/words.js";

/** @typedef {{name: string, path: string, kind: "file"|"folder"|"study", bytes: number}} Entry */

/** @param {{close: () => void, choose: (paths: string[]) => void}} props */
export function Chooser({ close, choose }) {
  const [listed, setListed] = useState(/** @type {{folder: string, above: string|null, entries: Entry[], of: number} | null} */ (null));
  const [marked, setMarked] = useState(/** @type {Set<string>} */ (new Set()));
  const [wrong, setWrong] = useState("");
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));

  const go = (/** @type {string} */ folder) => ask("start.list", { folder }, { lane: "list" }).then((answer) => { setListed(answer); setMarked(new Set()); setWrong(""); }).catch((error) => setWrong(error.message));
  useEffect(() => { dialog.current?.showModal(); void go(""); }, []);
  const mark = (/** @type {string} */ path) => setMarked((now) => { const next = new Set(now); if (!next.delete(path)) next.add(path); return next; });
  const files = listed?.entries.filter((one) => one.kind === "file") ?? [];

  return html`<dialog class="chooser" ref=${dialog} onClose=${close} aria-label="Choose files or a folder">
    <form method="dialog" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <div class="bar"><h2>Choose files or a folder</h2><span class="right"><button type="button" class="button quiet" onClick=${close}>Close <kbd>Esc</kbd></button></span></div>
      <p class="inset where"><button type="button" class="button" disabled=${!listed?.above} onClick=${() => listed?.above && go(listed.above)}>Up</button>
        <input type="text" aria-label="Folder" value=${listed?.folder ?? ""} onChange=${(/** @type {any} */ event) => go(event.target.value)} /></p>
      ${wrong && html`<p class="notice" role="alert">${wrong}</p>`}
      <ul class="entries">${listed?.entries.map((one) => html`<li key=${one.path}>${one.kind === "file"
        ? html`<label><input type="checkbox" checked=${marked.has(one.path)} onChange=${() => mark(one.path)} /> ${one.name}<span class="quiet number">${size(one.bytes)}</span></label>`
        : one.kind === "study"
          ? html`<button type="button" class="link" onClick=${() => ask("start.open", { folder: one.path }).then(close).catch((error) => setWrong(error.message))}>${one.name}</button><span class="quiet number">a study: open it</span>`
          : html`<button type="button" class="link folder" onClick=${() => go(one.path)}>${one.name}/</button>`}</li>`)}</ul>
      ${listed && listed.entries.length < listed.of && html`<p class="quiet inset">${listed.entries.length} shown of ${listed.of}.</p>`}
      ${listed && listed.of === 0 && html`<p class="empty">Nothing in this folder.</p>`}
      <p class="inset acts"><button type="button" class="button primary" disabled=${marked.size === 0} title=${marked.size ? "" : "Mark files first"} onClick=${() => choose([...marked])}>Take ${marked.size ? counted(marked.size, "file") : "files"}</button>
        <button type="button" class="button" disabled=${!listed} onClick=${() => listed && choose([listed.folder])}>Take the whole folder</button>
        ${files.length > 1 && html`<button type="button" class="button quiet" onClick=${() => setMarked(new Set(files.map((one) => one.path)))}>Mark all ${files.length}</button>`}</p>
    </form></dialog>`;
}

/** "4.0 MB". @param {number} bytes */
function size(bytes) {
  const unit = bytes >= 1e9 ? 3 : bytes >= 1e6 ? 2 : bytes >= 1e3 ? 1 : 0;
  return `${(bytes / 1000 ** unit).toFixed(unit ? 1 : 0)} ${["B", "kB", "MB", "GB"][unit]}`;
}
