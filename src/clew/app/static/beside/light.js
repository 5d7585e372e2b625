// @ts-check
/** What canvases need to draw again: the light of the page, and the width of their place. */
import { useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { dark } from "../core/marks.js";

/** Preact hook: whether the page is dark; draws again when that changes. */
export function useDark() {
  const [now, setNow] = useState(dark());
  useEffect(() => {
    const watcher = new MutationObserver(() => setNow(dark()));
    watcher.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return () => watcher.disconnect();
  }, []);
  return now;
}

/** Preact hook: a reference to an element, and how wide it is in px (0 until it is there). @returns {[{current: HTMLElement | null}, number]} */
export function useWidth() {
  const at = useRef(/** @type {HTMLElement | null} */ (null));
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (!at.current) return undefined;
    const watcher = new ResizeObserver(([one]) => setWidth(Math.floor(one.contentRect.width)));
    watcher.observe(at.current);
    return () => watcher.disconnect();
  }, []);
  return [at, width];
}

/** A token of the page's colours, such as "--ink". @param {string} name */
export function token(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
