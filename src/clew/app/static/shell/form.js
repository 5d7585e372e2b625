// @ts-check
/** Forms of verbs, made from their signatures. */
import { html } from "../vendor/preact-htm.js";
import { openDialog } from "./dialog.js";
import { VerbForm } from "./verb_form.js";

/**
 * Open the form of a verb; running it closes the form, and a refusal is shown in it.
 * @param {string} verb                    such as "explore"
 * @param {Record<string, any>} [preset]   settings that differ from their defaults
 */
export function openForm(verb, preset = {}) {
  openDialog(`Run ${verb}`, (close) => html`<${VerbForm} verb=${verb} preset=${preset} close=${close} />`);
}
