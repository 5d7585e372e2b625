// @ts-check
/** Two annotators: how far they agree beyond chance, and every row on which they do not. */
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { useLabels } from "../core/labels.js";
import { refused } from "../core/notices.js";
import { ask } from "../core/socket.js";
import { figure } from "../core/words.js";
import { show } from "./queue.js";

const REST = 1500; // ms without a label before it is asked again

export function Two() {
  const version = useLabels();
  const [found, setFound] = useState(/** @type {any} */ (null)), [listed, setListed] = useState(false);
  useEffect(() => {
    const clock = setTimeout(() => ask("labels.agreement", {}, { lane: "agreement" }).then(setFound).catch(() => {}), found ? REST : 0);
    return () => clearTimeout(clock);
  }, [version]);
  if (!found) return null;
  const names = Object.keys(found.people ?? {});
  if (!found.agreement) return html`<section class="section"><h2>Two annotators</h2><p class="small quiet">${names.length > 1 ? found.note : "One person has labelled so far. Invite a second one, with their name at the top right: every row that both label tells how far they agree."}</p></section>`;
  return html`<section class="section"><h2>Two annotators</h2><p>${found.headline}</p></section>`;
}
