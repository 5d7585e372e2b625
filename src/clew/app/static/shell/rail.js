// @ts-check
/** The rail: the thread with every step, what runs now, the loose end, and the seal. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { counted } from "../core/words.js";
import { useKeys } from "../core/keys.js";
import { refused } from "../core/notices.js";
import { ask, on } from "../core/socket.js";
import { use } from "../core/state.js";
import { openDialog } from "./dialog.js";
import { openForm } from "./form.js";
import { forgetJob, stopJob } from "./jobs.js";
import { Knot } from "./knot.js";
import { Seal } from "./seal.js";
import { visit } from "./steps.js";
import { SmallCurve } from "./training.js";
import { exactly, howFar, when } from "./words.js";

const SOON = 1500; // ms after the last label until its knot is drawn again
const NOTHING = { items: [], steps: 0, looks: 0, next: [], seal: { state: "none", rows: 0 } };

export function Rail() {
  const version = use((s) => s.version), about = use((s) => s.about), jobs = use((s) => s.jobs);
  const [thread, setThread] = useState(/** @type {any} */ (NOTHING));
  const study = about.study;
  const read = () => (study ? ask("thread", {}, { lane: "thread" }).then(setThread, refused) : setThread(NOTHING));
  useEffect(() => { void read(); }, [version, study?.folder]);
  useEffect(() => {
    let clock = 0;
    const end = on("labelled", () => { clearTimeout(clock); clock = window.setTimeout(read, SOON); });
    return () => { clearTimeout(clock); end(); };
  }, [study?.folder]);
  const known = useRef(/** @type {Set<any>} */ (new Set()));
  useEffect(() => { known.current = new Set(thread.items.map((/** @type {any} */ one) => one.id)); }, [thread]);
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => { if (list.current) list.current.scrollTop = list.current.scrollHeight; }, [thread.steps, jobs.length]);
  const pending = jobs.filter((one) => one.state !== "done" && one.state !== "stopped" || (one.state === "done" && one.step === null));
  const shown = use((s) => s.step) ?? study?.looks.at(-1)?.step;
  return html`<aside class="rail" aria-label="Thread and seal"><div class="bar"><h2>Thread</h2>
      <span class="small quiet">${study ? `${counted(thread.steps, "step")}, ${counted(thread.looks, "look")}` : ""}</span></div>
    <div class="thread" ref=${list}><ol>
      ${thread.items.map((/** @type {any} */ item, /** @type {number} */ i) => html`<${Item} key=${`${item.kind}${item.id}`} item=${item} fresh=${known.current.size > 0 && !known.current.has(item.id)} first=${i === 0} now=${item.id === shown && item.look} />`)}
      ${pending.map((job) => html`<${Work} key=${`job${job.id}`} job=${job} first=${false} />`)}
      ${study ? html`<${LooseEnd} next=${thread.next} />` : html`<li class="step start"><${Knot} kind="loose" first=${true} /><div class="go"><span class="first"><span class="title">The thread starts here</span></span>
        <span class="detail">Each step is recorded, whether taken here, in a notebook or on the command line.</span></div></li>`}
    </ol><div class="rest" aria-hidden="true"></div></div>
    <${Seal} seal=${thread.seal} /></aside>`;
}

/** A step on record, or labels given between steps; a fresh one is drawn along the thread. @param {{item: any, fresh: boolean, first: boolean, now: boolean}} props */
function Item({ item, fresh, first, now }) {
  const kind = now ? "now" : item.fork ? "fork" : "done";
  const inside = html`<span class="first"><span class="title">${item.title}</span><time dateTime=${item.at} title=${exactly(item.at)}>${when(item.at)}</time></span>
    ${item.detail && html`<span class="detail">${item.detail}</span>`}`;
  return html`<li class="step" data-fork=${item.fork ? "yes" : "no"} data-now=${now ? "yes" : "no"} data-fresh=${fresh ? "yes" : "no"} title=${item.whole || null}><${Knot} kind=${kind} aside=${item.fork} first=${first} />
    ${item.kind === "step" ? html`<button class="go" aria-current=${now ? "step" : null} onClick=${() => visit(item)}>${inside}</button>` : html`<div class="go">${inside}</div>`}</li>`;
}

/** Work that runs, waits, was refused, or has said something without a step. @param {{job: import("./jobs.js").Job, first: boolean}} props */
function Work({ job, first }) {
  const busy = job.state === "running" || job.state === "waiting", failed = job.state === "failed";
  const lines = () => openDialog(job.verb, () => html`<div class="scroll lines">${job.lines.map((line) => html`<p>${line}</p>`)}</div>`, { wide: true });
  return html`<li class="step work" data-state=${job.state}><${Knot} kind=${busy ? "running" : failed ? "failed" : "done"} first=${first} share=${job.total ? job.done / job.total : 0} />
    <div class="go"><span class="first"><span class="title">${job.verb}</span></span>${busy && html`<span class="detail">${howFar(job)}</span>`}${job.state === "done" && html`<span class="detail">${job.lines[0]}</span>`}</div>
    ${failed && html`<div class="failure">${job.error}</div>`}
    ${job.training && html`<${SmallCurve} job=${job} />`}
    <p class="acts">${busy ? html`<button class="button cancel" disabled=${job.stopping} title=${job.stopping ? "It is stopping" : null} onClick=${() => stopJob(job.id)}>Cancel</button>` : html`
      ${failed && html`<button class="link small" onClick=${() => openForm(job.verb, job.settings)}>Change settings</button>`}
      ${job.lines.length > 1 && html`<button class="link small" onClick=${lines}>All it said</button>`} <button class="link small" onClick=${() => forgetJob(job.id)}>Put away</button>`}</p></li>`;
}

/** The loose end: what may come next. @param {{next: {verb: string, help: string, why: string}[]}} props */
function LooseEnd({ next }) {
  const [at, setAt] = useState(/** @type {{left: number, top: number} | null} */ (null));
  const button = useRef(/** @type {HTMLButtonElement | null} */ (null)), menu = useRef(/** @type {HTMLElement | null} */ (null));
  const open = () => {
    const box = button.current?.getBoundingClientRect();
    if (box) setAt(at ? null : { left: Math.max(44, box.left), top: box.bottom + 4 });
  };
  useKeys({ ".": open });
  useEffect(() => {
    if (!at || !menu.current) return undefined;
    const over = menu.current.getBoundingClientRect().bottom - innerHeight + 8;
    if (over > 0) menu.current.style.top = `${Math.max(48, at.top - over)}px`;
    /** @type {HTMLElement | null} */ (menu.current.querySelector("button"))?.focus();
    const away = (/** @type {MouseEvent} */ event) => { if (!menu.current?.contains(/** @type {Node} */ (event.target)) && !button.current?.contains(/** @type {Node} */ (event.target))) setAt(null); };
    addEventListener("pointerdown", away);
    return () => removeEventListener("pointerdown", away);
  }, [at]);
  const press = (/** @type {KeyboardEvent} */ event) => {
    const all = /** @type {HTMLElement[]} */ ([...(menu.current?.querySelectorAll("button") ?? [])]);
    const here = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    if (event.key === "Escape") { setAt(null); button.current?.focus(); }
    else if (event.key === "ArrowDown") all[(here + 1) % all.length]?.focus();
    else if (event.key === "ArrowUp") all[(here - 1 + all.length) % all.length]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return html`<li class="step loose"><${Knot} kind="loose" />
    <button class="button next" ref=${button} aria-haspopup="menu" aria-expanded=${at ? "true" : "false"} onClick=${open}>Next step <kbd>.</kbd></button>
    ${at && html`<div class="menu" role="menu" aria-label="Next step" ref=${menu} style=${`left:${at.left}px;top:${at.top}px`} onKeyDown=${press}>
      ${next.map((one) => html`<button role="menuitem" key=${one.verb} onClick=${() => { setAt(null); button.current?.focus(); openForm(one.verb); }}><b>${one.verb}</b><small>${one.why || one.help}</small></button>`)}</div>`}</li>`;
}
