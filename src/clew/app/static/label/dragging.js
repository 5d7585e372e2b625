// @ts-check
/** Dragging with the pointer: by mouse at once, by touch after a moment's hold, so that a swipe still scrolls. */

const FAR = 6; // px from which a press is a drag
const HOLD = 220; // ms that a finger rests before it drags

/**
 * @typedef {Object} Drag
 * @property {number} x  of the pointer, in px of the window
 * @property {number} y
 * @property {string | null} over  the name of the bin under it
 */

/** The bin under a point. @param {number} x @param {number} y @returns {string | null} */
function binAt(x, y) {
  return /** @type {HTMLElement | null | undefined} */ (document.elementFromPoint(x, y)?.closest("[data-bin]"))?.dataset.bin ?? null;
}

/**
 * Follow a press until it ends.
 * @param {PointerEvent} event  the press
 * @param {{start: () => void, move: (drag: Drag) => void, drop: (bin: string | null) => void, click: () => void}} acts
 */
export function follow(event, { start, move, drop, click }) {
  if (event.button !== 0) return;
  const { clientX, clientY, pointerId } = event, touch = event.pointerType === "touch";
  let dragging = false, over = false;
  const begin = () => { dragging = true; start(); };
  const clock = touch ? window.setTimeout(begin, HOLD) : 0;
  /** @param {PointerEvent} now */
  const moved = (now) => {
    if (now.pointerId !== pointerId) return;
    const far = Math.hypot(now.clientX - clientX, now.clientY - clientY) > FAR;
    if (!dragging && far) { if (touch) { over = true; ended(now); return; } begin(); }
    if (dragging) move({ x: now.clientX, y: now.clientY, over: binAt(now.clientX, now.clientY) });
  };
  /** @param {PointerEvent} now */
  const ended = (now) => {
    if (now.pointerId !== pointerId) return;
    clearTimeout(clock);
    window.removeEventListener("pointermove", moved);
    window.removeEventListener("pointerup", ended);
    window.removeEventListener("pointercancel", ended);
    window.removeEventListener("touchmove", still);
    if (dragging) drop(now.type === "pointerup" ? binAt(now.clientX, now.clientY) : null);
    else if (now.type === "pointerup" && !over) click();
  };
  /** A finger that drags does not scroll. @param {TouchEvent} now */
  const still = (now) => { if (dragging) now.preventDefault(); };
  window.addEventListener("pointermove", moved);
  window.addEventListener("pointerup", ended);
  window.addEventListener("pointercancel", ended);
  window.addEventListener("touchmove", still, { passive: false });
}
