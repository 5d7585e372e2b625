// @ts-check
/** Times, and how far work is, as the frame says them. Import-free. */

/** "14 of 20, 6 s left". @param {import("./jobs.js").Job} job */
export function howFar(job) {
  if (job.stopping) return "stopping";
  if (job.state === "waiting") return "waits for a free core";
  const far = job.total ? `${job.done} of ${job.total}` : `${Math.round(job.seconds)} s`;
  return job.left === null || job.left === undefined ? far : `${far}, ${lasting(job.left)} left`;
}

/** "6 s", "3 min", "1.5 h". @param {number} seconds */
export function lasting(seconds) {
  if (seconds < 1) return "under 1 s";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** "09:12" today, "Mon" this week, "3 Nov" before. @param {string} at  ISO 8601 */
export function when(at) {
  const then = new Date(at), now = new Date();
  if (then.toDateString() === now.toDateString()) return clock(then);
  const days = (now.getTime() - then.getTime()) / 86_400_000;
  return days < 6 ? then.toLocaleDateString("en", { weekday: "short" }) : then.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
}

/** "22 Nov 2026, 09:13". @param {string} at */
export function exactly(at) {
  const then = new Date(at);
  return `${then.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" })}, ${clock(then)}`;
}

/** @param {Date} then */
function clock(then) { return then.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" }); }
