// @ts-check
/** The form of one verb, from its signature: only what differs from the defaults is sent. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { ask } from "../core/socket.js";
import { startJob } from "./jobs.js";
import { Revealed } from "./seal.js";
import { lasting } from "./words.js";

/** @typedef {{name: string, flag: string, kind: string, choices: string[], many: boolean, default: any, required: boolean, help: string, of: string}} Setting */

const FEW = 8; // settings that are shown at once

/** @param {{verb: string, preset: Record<string, any>, close: () => void}} props */
export function VerbForm({ verb, preset, close }) {
  const [form, setForm] = useState(/** @type {any} */ (null)), [seal, setSeal] = useState(/** @type {any} */ (null));
  const [values, setValues] = useState(/** @type {Record<string, any>} */ ({})), [error, setError] = useState(""), [busy, setBusy] = useState(false);
  const [all, setAll] = useState(false);
  useEffect(() => {
    const fail = (/** @type {Error} */ why) => setError(why.message);
    ask("form", { verb }).then((told) => {
      setForm(told);
      setValues(Object.fromEntries(told.settings.filter((/** @type {Setting} */ one) => preset[one.name] !== undefined && preset[one.name] !== null).map((/** @type {Setting} */ one) => [one.name, shown(one, preset[one.name])])));
      if (told.seals) ask("thread").then((thread) => setSeal(thread.seal), fail);
    }, fail);
  }, [verb]);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => { /** @type {HTMLElement | null | undefined} */ (box.current?.querySelector(".field :is(input, select, textarea)"))?.focus(); }, [form]);
  if (!form) return html`<div class="scroll">${error ? html`<div class="notice" role="alert">${error}</div>` : html`<p class="quiet">Reading the form.</p>`}</div>`;
  const model = values.model || form.settings.find((/** @type {Setting} */ one) => one.name === "model")?.default || form.model;
  const settings = form.settings.filter((/** @type {Setting} */ one) => !one.of || (one.of === "forest") === (model === "forest"));
  const sent = differing(settings, values);
  const run = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    setError("");
    try { await startJob(verb, sent); close(); } catch (why) { setError(/** @type {Error} */ (why).message); setBusy(false); }
  };
  const first = settings.filter((/** @type {Setting} */ one, /** @type {number} */ i) => all || one.required || !one.flag || one.name in preset || i < FEW);
  const hidden = settings.length - first.length;
  return html`<form class="verb-form" ref=${box} onSubmit=${run}><div class="scroll">
      <p class="finding">${form.help}</p>
      ${form.seals && seal && html`<div class="seal-warning"><${Revealed} seal=${seal} /></div>`}
      ${first.map((/** @type {Setting} */ one) => html`<${Field} key=${one.name} one=${one} verb=${verb} value=${values[one.name]} give=${(/** @type {any} */ value) => setValues((before) => ({ ...before, [one.name]: value }))} />`)}
      ${hidden > 0 && html`<button type="button" class="link" onClick=${() => setAll(true)}>${hidden} more settings</button>`}</div>
    ${error && html`<div class="notice" role="alert">${error}</div>`}
    <div class="foot"><code class="command" title="The same on the command line">${commandLine(verb, form, sent)}</code>
      <div class="right"><span class="small quiet">${form.seconds === null ? "" : `took ${lasting(form.seconds)} last time`}</span>
        ${form.seals && html`<button type="button" class="button primary" onClick=${close}>${seal?.state === "closed" ? "Leave it closed" : "Not now"}</button>`}
        <button class=${`button ${form.seals ? "" : "primary"}`} type=${form.seals ? "button" : "submit"} onClick=${form.seals ? run : undefined} disabled=${busy || (form.seals && !String(values.reason ?? "").trim())}
          title=${form.seals && !String(values.reason ?? "").trim() ? "It needs a reason" : ""}>${busy ? "Starting" : form.seals ? "Open the seal" : "Run"}</button></div></div></form>`;
}

/** One setting. @param {{one: Setting, verb: string, value: any, give: (value: any) => void}} props */
function Field({ one, verb, value, give }) {
  const id = `field-${verb}-${one.name}`;
  const usual = one.default === null || one.default === "" ? "" : shown(one, one.default);
  const take = (/** @type {any} */ event) => give(event.target.value);
  const many = one.many || one.name === "reason";
  const field = one.kind === "yes or no"
    ? html`<input type="checkbox" id=${id} checked=${value ?? one.default ?? false} onChange=${(/** @type {any} */ event) => give(event.target.checked)} aria-describedby=${`${id}-help`} />`
    : one.kind === "choice"
      ? html`<select id=${id} value=${value ?? one.default ?? ""} onChange=${take} aria-describedby=${`${id}-help`}>${one.default === null && html`<option value="">not said</option>`}${one.choices.map((word) => html`<option value=${word}>${word}</option>`)}</select>`
      : many
        ? html`<textarea id=${id} rows="2" required=${one.required} value=${value ?? ""} placeholder=${one.name === "reason" ? "" : "one on each line"} onInput=${take} aria-describedby=${`${id}-help`}></textarea>`
        : html`<input type="text" id=${id} required=${one.required} inputmode=${one.kind.includes("number") && !one.choices.length ? "decimal" : null} value=${value ?? ""} placeholder=${usual}
            list=${one.choices.length ? `${id}-words` : null} onInput=${take} aria-describedby=${`${id}-help`} />${one.choices.length > 0 && html`<datalist id=${`${id}-words`}>${one.choices.map((word) => html`<option value=${word} />`)}</datalist>`}`;
  return html`<div class="field" data-kind=${one.kind}><label for=${id}>${one.name.replaceAll("_", " ")}${one.required ? html` <span class="quiet">needed</span>` : ""}</label>
    <div>${field}<small id=${`${id}-help`}>${one.help}</small></div></div>`;
}

/** A value as its field shows it. @param {Setting} one @param {any} value */
function shown(one, value) {
  if (one.kind === "yes or no") return value;
  if (Array.isArray(value)) return value.join(one.many ? "\n" : ",");
  return typeof value === "object" && value !== null ? Object.entries(value).map(([a, b]) => `${a}=${b}`).join("\n") : String(value);
}

/** Settings as they are sent: those that differ from the defaults. @param {Setting[]} settings @param {Record<string, any>} values */
export function differing(settings, values) {
  /** @type {Record<string, any>} */
  const sent = {};
  for (const one of settings) {
    const value = values[one.name];
    if (value === undefined || (typeof value === "string" && !value.trim())) continue;
    if (one.default !== null && shown(one, one.default) === value) continue;
    if (one.kind === "yes or no" && value === (one.default ?? false)) continue;
    if (one.many) sent[one.name] = String(value).split("\n").map((line) => line.trim()).filter(Boolean);
    else if (one.kind.includes("number") && one.kind !== "numbers" && value.trim() !== "" && Number.isFinite(Number(value))) sent[one.name] = Number(value);
    else sent[one.name] = typeof value === "string" ? value.trim() : value;
  }
  return sent;
}

/** The same on the command line. @param {string} verb @param {any} form @param {Record<string, any>} sent */
export function commandLine(verb, form, sent) {
  const words = ["clew", verb, ...(form.study ? [form.study] : [])];
  for (const one of form.settings) {
    if (!(one.name in sent)) continue;
    const value = sent[one.name];
    const all = Array.isArray(value) ? value : [value];
    if (one.kind === "yes or no") { if (value) words.push(one.flag); } else if (!one.flag) words.push(...all.map(quoted)); else words.push(...all.flatMap((each) => [one.flag, quoted(each)]));
  }
  return words.join(" ");
}

/** As a shell takes it. @param {any} value */
function quoted(value) {
  const text = String(value);
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
