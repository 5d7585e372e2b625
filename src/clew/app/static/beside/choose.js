// @ts-check
/** Selecting rows one by one from pictures, traces and tables; the map shows the same selection. */
import { ask } from "../core/socket.js";
import { NOTHING, say, set, state } from "../core/state.js";
import { counted } from "../core/words.js";

/** Whether a row is selected now. @param {number} row */
export function isSelected(row) { return ((state.selection.bits[row >> 3] ?? 0) >> (row & 7) & 1) === 1; }

/**
 * Select rows.
 * @param {number[]} rows
 * @param {"new" | "add" | "take"} mode
 * @param {string} how  "image", "trace", "table", "gallery"
 */
export async function chooseRows(rows, mode, how) {
  try {
    const answer = await ask("select", { kind: "rows", rows, mode, step: state.step }, { lane: "select" });
    set({ selection: answer.selection ? { id: answer.selection, n: answer.n, how, bits: answer.arrays[0] } : NOTHING });
    say(`Selected on the ${how}: ${counted(answer.n, "row")}`);
  } catch (why) { if (/** @type {any} */ (why).kind !== "Stale") say(/** @type {Error} */ (why).message); }
}

/** Add a row to the selection, or take it out. @param {number} row @param {string} how */
export function toggleRow(row, how) { void chooseRows([row], isSelected(row) ? "take" : "add", how); }

/** Nothing is selected any more. */
export async function clearSelection() {
  set({ selection: NOTHING });
  try { await ask("select", { kind: "nothing" }, { lane: "select" }); } catch { /* the page lets go all the same */ }
}

/** Pin a row, or let it go where it is pinned already. @param {number} row */
export function pin(row) { set({ pinned: state.pinned === row ? null : row }); }
