// @ts-check
/** Two annotators: how far they agree beyond chance, and every row on which they do not. */
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { useLabels } from "../core/labels.js";
import { refused } from "../core/notices.js";
import { askTwo } from "../core/outbox.js";
import { ask } from "../core/socket.js";
import { counted, figure } from "../core/words.js";
import { showSample, useQueue } from "./queue.js";

const MOST = 50; // disagreements listed
const REST = 1500; // ms without a label before it is asked again

export function Two() {
  const version = useLabels();
  const [found, setFound] = useState(/** @type {any} */ (null)), [listed, setListed] = useState(false);
  useEffect(() => {
    const clock = setTimeout(() => ask("labels.agreement", {}, { lane: "agreement" }).then(setFound).catch(() => {}), found ? REST : 0);
    return () => clearTimeout(clock);
  }, [version]);
  if (!found) return html`<section class="section two-people"><h2>Two annotators</h2><${Asking} /></section>`;
  const names = Object.keys(found.people ?? {});
  if (!found.agreement) return html`<section class="section two-people"><h2>Two annotators</h2><${Asking} /><p class="small quiet">${names.length > 1 ? found.note : "Invite a second person, by the name at the top right: every row that both label tells how far they agree."}</p></section>`;
  const { kappa, n, disagreements, names: two } = found.agreement;
  return html`<section class="section two-people"><div class="head"><h2>Two annotators</h2><span class="quiet">${n} by both</span></div><${Asking} />
    <p>${kappa ? html`Cohen’s κ ${figure(kappa)}; ` : ""}${disagreements.length ? html`<button class="link" aria-expanded=${listed ? "true" : "false"} onClick=${() => setListed(!listed)}>${counted(disagreements.length, "disagreement")}</button>.` : "no disagreement."}</p>
    ${listed && html`<table><thead><tr><th>row</th><th>${two[0]}</th><th>${two[1]}</th></tr></thead><tbody>${disagreements.slice(0, MOST).map((/** @type {any} */ one) => html`<tr><td><button class="link" onClick=${() => showSample(one.sample).catch(refused)}>${one.sample}</button></td><td>${one.first}</td><td>${one.second}</td></tr>`)}</tbody></table>
      ${disagreements.length > MOST && html`<p class="small quiet">${MOST} shown of ${disagreements.length}</p>`}`}</section>`;
}

const OFTEN = [[0, "never"], [10, "every 10th"], [5, "every 5th"]];

/** How often an item is one that somebody else has labelled; kept in the study, for everybody. */
function Asking() {
  const { both } = useQueue();
  const often = OFTEN.some(([every]) => every === both) ? OFTEN : [...OFTEN, [both, `every ${both}th`]];
  return html`<p><label>ask two people <select class="plain two-asked" value=${String(both)} onChange=${(/** @type {any} */ event) => askTwo(Number(event.target.value)).catch(refused)}>
      ${often.map(([every, name]) => html`<option value=${String(every)}>${name}</option>`)}</select></label></p>
    <p class="small quiet">${both ? `For everybody here, every ${both}th item is one that somebody else has labelled: it tells how far two people agree.` : "Nobody is asked for what somebody else has labelled; every 10th is enough to tell how far two people agree."}</p>`;
}
