// @ts-check
/** How sure is this? Column 3 of Explore, about the look that is shown. */
import { html } from "../vendor/preact-htm.js";
import { use } from "../core/state.js";
import { openForm } from "../shell/form.js";
import { Agreement, Evidence, Names } from "./evidence.js";
import { Features, Speaks } from "./features.js";
import { Hypotheses } from "./hypotheses.js";
import { useAsked } from "./said.js";

export function CardsPanel() {
  return html`<section class="column cards" aria-label="How sure is this?"><div class="bar"><h2>How sure is this?</h2></div><div class="scroll"><${Cards} /></div></section>`;
}

function Cards() {
  const step = use((s) => s.step);
  const given = step === null ? {} : { step };
  const { answer: look, refused } = useAsked("cards.look", given, [step]);
  const { answer: told } = useAsked("cards.hypotheses", given, [step]);
  if (refused) return html`<div class="section"><div class="notice" role="alert"><b>This look cannot be shown.</b> ${refused}</div></div>`;
  if (!look) return html`<p class="waiting">Reading the record.</p>`;
  if (look.step === null) {
    return html`<div class="empty"><p>Whether there are groups among the ${look.what}, against single clouds with the same spread and skew, will stand here; and how far runs agree.</p>
      <div class="acts"><button class="button" onClick=${() => openForm("explore")}>Look for groups…</button></div></div>
      ${told && html`<${Hypotheses} told=${told} signs=${{}} />`}<${Speaks} />`;
  }
  const signs = Object.fromEntries(look.groups.map((/** @type {any} */ one) => [one.name || `group ${one.group}`, one.group]));
  return html`<${Evidence} look=${look} /><${Agreement} look=${look} />${told && html`<${Hypotheses} told=${told} signs=${signs} />`}
    <${Names} look=${look} />${look.groups.length > 1 && html`<${Features} step=${look.step} key=${look.step} />`}<${Speaks} />`;
}
