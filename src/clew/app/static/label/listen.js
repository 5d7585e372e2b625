// @ts-check
/** Hear a window: what shakes a few times a second is played so much faster that the ear can follow. */
import { ask } from "../core/socket.js";
import { say } from "../core/state.js";

const SHORTEST = 1; // s; shorter sounds are repeated

/** @type {AudioContext | null} */
let audio = null;
/** @type {AudioBufferSourceNode | null} */
let playing = null;
/** Rises when what was asked for is no longer wanted. */
let asked = 0;

/** End the sound, if there is one. */
export function silence() {
  asked += 1;
  playing?.stop();
  playing = null;
}

/** Play a window, or end it. @param {number} row */
export async function listen(row) {
  if (playing) { silence(); return; }
  const mine = asked;
  const { arrays: [samples], rate, faster, component } = await ask("item.sound", { row }, { lane: "sound" });
  audio ??= new AudioContext();
  await audio.resume();
  if (mine !== asked) return;
  const buffer = audio.createBuffer(1, samples.length, Math.max(3000, rate));
  buffer.copyToChannel(samples, 0);
  const source = audio.createBufferSource();
  source.buffer = buffer;
  source.playbackRate.value = rate / buffer.sampleRate;
  source.connect(audio.destination);
  source.onended = () => { if (playing === source) playing = null; };
  const lasts = samples.length / rate, times = Math.max(1, Math.ceil(SHORTEST / lasts));
  source.loop = times > 1;
  source.start();
  source.stop(audio.currentTime + times * lasts);
  playing = source;
  say(`${component} ${faster === 1 ? "as recorded" : `${faster} times as fast`}: ${lasts.toFixed(2)} s of sound${times > 1 ? `, ${times} times over` : ""}${faster === 1 ? "" : `, 10 Hz is heard as ${10 * faster} Hz`}.`);
}
