// @ts-check
/** The status line, which screen readers read out, and notices that stand until they are put away. */
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { onNotices, putAway } from "../core/notices.js";
import { use } from "../core/state.js";
import { howFar } from "./words.js";
import { cores } from "./jobs.js";

export function Status() {
  const status = use((s) => s.status), jobs = use((s) => s.jobs), about = use((s) => s.about);
  const running = jobs.filter((one) => one.state === "running"), waiting = jobs.filter((one) => one.state === "waiting").length;
  const idle = Math.max(0, cores - running.length);
  const others = about.people.filter((/** @type {string} */ one) => one !== about.who);
  const [, head, rest] = /^([^:.]{1,40}:)(.*)$/s.exec(status) ?? [null, "", status];
  return html`<footer class="status"><span role="status" title=${status}>${status ? html`${head && html`<b>${head}</b>`}${rest}` : about.study ? "Ready." : "No study open"}</span>
    ${running.length > 0 && html`<span aria-hidden="true">${running.map((one) => `${one.verb}: ${howFar(one)}`).join("; ")}${waiting ? `; ${waiting} waiting` : ""}</span>`}
    <span class="right">${others.length > 0 && `also here: ${others.join(", ")}`}</span>
    <span>${idle} of ${cores} cores idle</span><span>clew ${about.clew}</span><span class="mono">${location.host}</span></footer>`;
}

export function Notices() {
  const [all, setAll] = useState(/** @type {import("../core/notices.js").Told[]} */ ([]));
  useEffect(() => onNotices(setAll), []);
  return html`<div class="notices" role="alert">${all.map((one) => html`<div class="notice" key=${one.id}><p>${one.text}</p>
    <button class="link" onClick=${() => putAway(one.id)}>Put away</button></div>`)}</div>`;
}
