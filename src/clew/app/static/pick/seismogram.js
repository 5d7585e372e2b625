// @ts-check
/** Draws the traces of a recording, the picks on them and the model's curves beneath; tells what the mouse does. */
import { colour } from "../core/marks.js";
import { token } from "../beside/light.js";
import { amplitude } from "../beside/trace.js";
import { clocked, same } from "./pick_room.js";

/** @typedef {import("./pick_room.js").Room} Room */
/** @typedef {import("./pick_room.js").Item} Item */
/** @typedef {{room: Room, dated: boolean, origin: number, items: Item[], focus: Item | undefined}} Scene */

const LEFT = 64, RIGHT = 12, TOP = 24, AXIS = 24, CURVES = 92, NEAR = 6; // px
const SAYS_NOTHING = 1.5; // of a curve: above it nothing is said
const DASHES = [[5, 3], [2, 3], [8, 3, 2, 3]];

/** Which colour a phase has: P the first, S the second, all others after them. @param {string} phase */
export function inkOf(phase) { return phase.startsWith("P") ? 0 : phase.startsWith("S") ? 1 : phase === "Detection" ? 2 : 3; }

export class Seismogram {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {{scene: () => Scene | null, cursor: (time: number) => void, focus: (item: Item) => void, drag: (item: Item, time: number, done: boolean) => void, view: (start: number, lasts: number) => void, zoom: (by: number, about: number) => void}} tell
   */
  constructor(canvas, tell) {
    this.canvas = canvas; this.tell = tell; this.width = 0; this.height = 0;
    /** @type {{x: number, start: number, item: Item | null, moved: boolean} | null} */
    this.hand = null;
    this.waiting = 0;
    this.ends = new AbortController();
    const on = (/** @type {string} */ name, /** @type {(event: any) => void} */ act, passive = true) => canvas.addEventListener(name, act, { signal: this.ends.signal, passive });
    on("pointerdown", (event) => this.down(event)); on("pointermove", (event) => this.move(event)); on("pointerup", (event) => this.up(event));
    on("pointercancel", () => { this.hand = null; });
    on("wheel", (event) => this.wheel(event), false);
    this.watcher = new ResizeObserver(([one]) => { this.width = one.contentRect.width; this.height = one.contentRect.height; this.draw(); });
    this.watcher.observe(canvas);
  }

  close() { this.ends.abort(); this.watcher.disconnect(); cancelAnimationFrame(this.waiting); }

  /** Draw when the browser draws next; once, however often it is asked. */
  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.paint(); });
  }

  get inner() { return Math.max(1, this.width - LEFT - RIGHT); }
  /** @param {Room} room @param {number} t s behind the first sample */
  x(room, t) { return LEFT + ((t - room.start) / room.lasts) * this.inner; }
  /** @param {Room} room @param {number} x */
  t(room, x) { return room.start + ((x - LEFT) / this.inner) * room.lasts; }

  // ---- the hand ----
  /** @param {Scene} scene @param {number} x @returns {Item | null} */
  near(scene, x) {
    let best = null, least = NEAR;
    for (const one of scene.items) {
      const away = Math.abs(this.x(scene.room, one.time - scene.origin) - x);
      if (away <= least) { best = one; least = away; }
    }
    return best;
  }

  /** @param {PointerEvent} event */
  down(event) {
    const scene = this.tell.scene();
    if (!scene || event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.hand = { x: event.offsetX, start: scene.room.start, item: this.near(scene, event.offsetX), moved: false };
  }

  /** @param {PointerEvent} event */
  move(event) {
    const scene = this.tell.scene(), { hand } = this;
    if (!scene) return;
    if (!hand) { this.canvas.style.cursor = this.near(scene, event.offsetX)?.pick?.kind === "put" ? "ew-resize" : "crosshair"; return; }
    if (!hand.moved && Math.abs(event.offsetX - hand.x) < 4) return;
    if (!hand.moved && hand.item?.pick?.kind === "put") this.tell.focus(hand.item);
    hand.moved = true;
    if (hand.item?.pick?.kind === "put") this.tell.drag(hand.item, scene.origin + this.t(scene.room, event.offsetX), false);
    else { this.canvas.style.cursor = "grabbing"; this.tell.view(hand.start - ((event.offsetX - hand.x) / this.inner) * scene.room.lasts, scene.room.lasts); }
  }

  /** @param {PointerEvent} event */
  up(event) {
    const scene = this.tell.scene(), { hand } = this;
    this.hand = null;
    if (!scene || !hand) return;
    const time = scene.origin + this.t(scene.room, event.offsetX);
    if (hand.moved) { if (hand.item?.pick?.kind === "put") this.tell.drag(hand.item, time, true); }
    else if (hand.item) this.tell.focus(hand.item);
    else this.tell.cursor(time);
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    const scene = this.tell.scene();
    if (!scene) return;
    event.preventDefault();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.tell.view(scene.room.start + (event.deltaX / this.inner) * scene.room.lasts, scene.room.lasts);
    else this.tell.zoom(1.0015 ** -event.deltaY, this.t(scene.room, event.offsetX));
  }

  // ---- the picture ----
  paint() {
    const scene = this.tell.scene(), dots = devicePixelRatio || 1, { canvas, width, height } = this;
    if (!width || !height) return;
    if (canvas.width !== Math.round(width * dots) || canvas.height !== Math.round(height * dots)) { canvas.width = Math.round(width * dots); canvas.height = Math.round(height * dots); }
    const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    ctx.setTransform(dots, 0, 0, dots, 0, 0);
    ctx.clearRect(0, 0, width, height);
    if (!scene) return;
    ctx.font = `11px ${token("--sans")}`;
    const curved = Boolean(scene.room.curves), below = height - AXIS - (curved ? CURVES : 0);
    this.focusBand(ctx, scene, height - AXIS);
    if (scene.room.trace) this.traces(ctx, scene, TOP, below);
    if (curved) this.curves(ctx, scene, below, height - AXIS);
    this.axis(ctx, scene, height - AXIS);
    ctx.save();
    ctx.beginPath(); ctx.rect(LEFT, 0, this.inner, height - AXIS); ctx.clip();
    this.picks(ctx, scene, height - AXIS);
    this.cursor(ctx, scene, height - AXIS);
    ctx.restore();
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {number} bottom */
  focusBand(ctx, { room, origin, focus }, bottom) {
    if (!focus) return;
    const x = this.x(room, focus.time - origin);
    if (x < LEFT || x > LEFT + this.inner) return;
    ctx.fillStyle = token("--thread-soft");
    ctx.fillRect(Math.max(LEFT, x - 9), 0, 18, bottom);
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {number} top @param {number} bottom */
  traces(ctx, { room }, top, bottom) {
    const { start, lasts, n, components, values } = /** @type {import("./pick_room.js").Trace} */ (room.trace);
    const tall = (bottom - top) / components.length, ink = token("--ink2"), quiet = token("--ink3"), rule = token("--rule");
    const from = Math.max(0, Math.floor(((room.start - start) / lasts) * n) - 1), to = Math.min(n, Math.ceil(((room.start + room.lasts - start) / lasts) * n) + 1);
    components.forEach((name, c) => {
      const base = c * 2 * n, middle = top + (c + 0.5) * tall;
      let most = 0;
      for (let i = from; i < to; i += 1) for (const k of [0, 1]) { const size = Math.abs(values[base + 2 * i + k]); if (size > most) most = size; }
      const scale = most > 0 ? (0.46 * tall) / most : 0;
      ctx.strokeStyle = rule; ctx.lineWidth = 1;
      if (c) { ctx.beginPath(); ctx.moveTo(LEFT, top + c * tall); ctx.lineTo(LEFT + this.inner, top + c * tall); ctx.stroke(); }
      ctx.save();
      ctx.beginPath(); ctx.rect(LEFT, top + c * tall, this.inner, tall); ctx.clip();
      ctx.strokeStyle = ink; ctx.lineWidth = 1; ctx.lineJoin = "round";
      ctx.beginPath();
      let pen = false;
      for (let i = from; i < to; i += 1) {
        const low = values[base + 2 * i], high = values[base + 2 * i + 1];
        if (!Number.isFinite(low) || !Number.isFinite(high)) { pen = false; continue; }
        const x = this.x(room, start + ((i + 0.5) / n) * lasts);
        if (pen) ctx.lineTo(x, middle - low * scale); else ctx.moveTo(x, middle - low * scale);
        if (high !== low) ctx.lineTo(x, middle - high * scale);
        pen = true;
      }
      ctx.stroke();
      ctx.restore();
      ctx.fillStyle = token("--ink"); ctx.font = `600 12px ${token("--sans")}`; ctx.fillText(name, 14, middle - 2);
      ctx.fillStyle = quiet; ctx.font = `10px ${token("--sans")}`; ctx.fillText(most > 0 ? `±${amplitude(most)}` : "nothing", 14, middle + 11);
    });
    ctx.font = `11px ${token("--sans")}`;
  }

  /** The probability of each label, filled up to its curve where it lies above the threshold. @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {number} top @param {number} bottom */
  curves(ctx, { room }, top, bottom) {
    const { start, lasts, n, labels, thresholds, values } = /** @type {import("./pick_room.js").Curves} */ (room.curves), tall = bottom - top - 12;
    const y = (/** @type {number} */ p) => bottom - 2 - p * tall;
    ctx.strokeStyle = token("--rule"); ctx.lineWidth = 1; ctx.beginPath(); ctx.moveTo(0, top + 0.5); ctx.lineTo(this.width, top + 0.5); ctx.stroke();
    ctx.fillStyle = token("--ink3"); ctx.fillText("1", LEFT - 12, y(1) + 4); ctx.fillText("0", LEFT - 12, y(0) + 1);
    labels.forEach((label, i) => {
      ctx.fillStyle = colour(inkOf(label));
      ctx.fillText(label === "Detection" ? "event" : label, 14, top + 22 + 15 * i);
    });
    ctx.save();
    ctx.beginPath(); ctx.rect(LEFT, top, this.inner, bottom - top); ctx.clip();
    labels.forEach((label, i) => {
      const ink = colour(inkOf(label));
      ctx.strokeStyle = ink; ctx.lineWidth = 1.25; ctx.setLineDash(inkOf(label) === 1 ? [6, 2] : inkOf(label) === 2 ? [2, 2] : []);
      ctx.beginPath();
      let pen = false;
      for (let k = 0; k < n; k += 1) {
        const p = values[i * n + k];
        if (p > SAYS_NOTHING) { pen = false; continue; }
        const x = this.x(room, start + ((k + 0.5) / n) * lasts);
        if (pen) ctx.lineTo(x, y(p)); else ctx.moveTo(x, y(p));
        pen = true;
      }
      ctx.stroke();
      ctx.setLineDash([1, 3]); ctx.globalAlpha = 0.8; ctx.lineWidth = 1;
      ctx.beginPath(); ctx.moveTo(LEFT, y(thresholds[i])); ctx.lineTo(LEFT + this.inner, y(thresholds[i])); ctx.stroke();
      ctx.globalAlpha = 1; ctx.setLineDash([]);
    });
    ctx.restore();
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {number} y */
  axis(ctx, { room, dated, origin }, y) {
    ctx.strokeStyle = token("--rule2"); ctx.lineWidth = 1; ctx.fillStyle = token("--ink3");
    ctx.beginPath(); ctx.moveTo(LEFT, y + 0.5); ctx.lineTo(LEFT + this.inner, y + 0.5); ctx.stroke();
    const least = (room.lasts * 96) / this.inner;
    const by = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400].find((one) => one >= least) ?? Math.ceil(least / 86400) * 86400;
    for (let time = Math.ceil((origin + room.start) / by) * by; time <= origin + room.start + room.lasts; time += by) {
      const x = this.x(room, time - origin), said = clocked(time, dated);
      ctx.beginPath(); ctx.moveTo(x, y); ctx.lineTo(x, y + 4); ctx.stroke();
      const text = dated ? said.slice(0, by < 0.1 ? 11 : by < 1 ? 10 : 8) : `${Number(time.toFixed(2))} s`, wide = ctx.measureText(text).width;
      if (x - wide / 2 > 0 && x + wide / 2 < this.width) ctx.fillText(text, x - wide / 2, y + 17);
    }
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {number} bottom */
  picks(ctx, { room, origin, items, focus }, bottom) {
    const end = origin + room.start + room.lasts;
    let last = -Infinity, line = 0;
    for (const one of items) {
      if (one.time < origin + room.start || one.time > end) continue;
      const x = this.x(room, one.time - origin), ink = colour(inkOf(one.phase)), by = one.pick, now = focus && same(one.focus, focus.focus);
      const rejected = by?.kind === "rejected", said = rejected ? `${one.phase} no` : by ? one.phase : `${one.phase} ${one.probability?.toFixed(2) ?? ""}`;
      line = x - last < 56 ? line + 1 : 0; last = x;
      ctx.globalAlpha = rejected ? 0.55 : 1;
      ctx.strokeStyle = rejected ? token("--ink3") : ink; ctx.lineWidth = by && !rejected ? 2 : 1;
      ctx.setLineDash(by?.unsaved ? [3, 2] : by && !rejected ? [] : rejected ? [1, 4] : DASHES[inkOf(one.phase) % 3]);
      ctx.beginPath(); ctx.moveTo(x, 18 + 16 * (line % 3)); ctx.lineTo(x, bottom); ctx.stroke();
      ctx.setLineDash([]);
      const wide = ctx.measureText(said).width + 8, top = 3 + 16 * (line % 3);
      if (by && !rejected) { ctx.fillStyle = ink; ctx.fillRect(x - 1, top, wide, 15); ctx.fillStyle = token("--surface"); }
      else { ctx.fillStyle = token("--surface"); ctx.fillRect(x - 1, top, wide, 15); ctx.fillStyle = rejected ? token("--ink3") : ink; if (!rejected) { ctx.lineWidth = 1; ctx.strokeRect(x - 0.5, top + 0.5, wide - 1, 14); } }
      ctx.fillText(said, x + 3, top + 11.5);
      if (now) { ctx.strokeStyle = token("--thread"); ctx.lineWidth = 2; ctx.strokeRect(x - 2.5, top - 1, wide + 3, 17); }
      ctx.globalAlpha = 1;
    }
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {number} bottom */
  cursor(ctx, { room, origin }, bottom) {
    const x = this.x(room, room.cursor - origin);
    ctx.strokeStyle = token("--thread"); ctx.lineWidth = 1;
    ctx.beginPath(); ctx.moveTo(x, 0); ctx.lineTo(x, bottom); ctx.stroke();
    ctx.fillStyle = token("--thread"); ctx.beginPath(); ctx.moveTo(x - 5, bottom); ctx.lineTo(x + 5, bottom); ctx.lineTo(x, bottom - 6); ctx.fill();
  }
}
