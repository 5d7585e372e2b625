// @ts-check
/** Going from run to run, by hand or by itself. */
import { say, set, state } from "../core/state.js";
import { map, setMap } from "./store.js";

const REST = 1100; // ms that a run is shown while playing: it travels 400 of them
let clock = 0;

/** @param {number} run */
export function setRun(run) {
  const runs = map.look?.runs ?? 1;
  set({ run: (run + runs) % runs });
  if (!map.playing) say(`Run ${state.run + 1} of ${runs}`);
}

export function stopPlaying() { clearInterval(clock); if (map.playing) setMap({ playing: false }); }

/** Show all runs, one after the other, once round. */
export function togglePlay() {
  if (map.playing) { stopPlaying(); return; }
  const runs = map.look?.runs ?? 1;
  if (runs < 2) return;
  setMap({ playing: true });
  let left = runs;
  const next = () => { left -= 1; setRun(state.run + 1); if (!left) stopPlaying(); };
  next();
  clock = window.setInterval(next, REST);
}
