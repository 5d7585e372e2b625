// @ts-check
/** Select rows on the server, which knows their true places; the page gets a bit a row. */
import { ask, on } from "../core/socket.js";
import { NOTHING, say, set, state } from "../core/state.js";
import { count } from "../core/words.js";

const HOW = /** @type {Record<string, string>} */ ({ lasso: "Lasso", rectangle: "Rectangle", rule: "Rule", rows: "Picked", group: "Group", image: "Image", nothing: "Nothing" });
const MOST_ROWS = 300_000; // that go up again after the connection was lost

/**
 * @param {Object} given  {kind: "lasso" | "rectangle", polygon}, {kind: "rule", rule}, {kind: "rows", rows}, {kind: "group", group}; mode "new", "add", "take"
 * @returns {Promise<import("../core/state.js").Selection>}  rejected with the sentence of the refusal
 */
export async function select(given) {
  const answer = await ask("select", { step: state.step, run: state.run, ...given }, { lane: "select" });
  const bits = /** @type {Uint8Array} */ (answer.arrays[0]);
  const selection = answer.selection ? { id: answer.selection, n: answer.n, how: answer.how, bits } : NOTHING;
  set({ selection });
  const asked = HOW[/** @type {any} */ (given).kind];
  say(answer.n ? `${asked}: ${count(answer.n)} of ${count(answer.of)} open rows selected` : `${asked}: no row is selected. Draw round some points, or select by rule.`);
  return selection;
}

/** Let go of the selection. */
export function clearSelection() {
  if (state.selection.id) void ask("select", { kind: "nothing" }, { lane: "select" }).catch(() => {}); // the server forgets it by itself
  set({ selection: NOTHING });
  say("Nothing is selected");
}

/** The selected rows, rising. @param {Uint8Array} bits @returns {number[]} */
export function rowsOf(bits) {
  const rows = [];
  for (let at = 0; at < bits.length; at += 1) for (let bit = 0; bits[at] >> bit; bit += 1) if ((bits[at] >> bit) & 1) rows.push(8 * at + bit);
  return rows;
}

on("open", () => {
  const { id, n, bits } = state.selection;
  if (!id) return;
  if (n <= MOST_ROWS) select({ kind: "rows", rows: rowsOf(bits) }).catch(() => set({ selection: NOTHING }));
  else set({ selection: NOTHING });
});
