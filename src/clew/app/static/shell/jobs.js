// @ts-check
/** Long work of the server, as this page knows it: kept in ``state.jobs``, replayed after each connection. */
import { ask, on } from "../core/socket.js";
import { refused } from "../core/notices.js";
import { say, set, state } from "../core/state.js";

/**
 * @typedef {Object} Job
 * @property {number} id
 * @property {string} verb
 * @property {"waiting"|"running"|"done"|"failed"|"stopped"} state
 * @property {number} done
 * @property {number} total        0 where it does not say how far it is
 * @property {number} seconds      since it began
 * @property {number|null} left    seconds left, as far as can be told
 * @property {string[]} lines
 * @property {string[]} warnings
 * @property {string} error        the sentence of a refusal
 * @property {number|null} step    what was put on record
 * @property {Record<string, any>} settings
 * @property {boolean} stopping   somebody has asked it to stop
 * @property {{net: number, epoch: number, of: number} | null} training  how far the net is that it trains; null where it trains none
 */

/** Cores of the server. */
export let cores = 2;
const mine = new Set();

/** Work that does not say how far it is says for how long it has run: the clock goes on between what the server tells. */
setInterval(() => {
  const silent = (/** @type {Job} */ one) => one.state === "running" && !one.total;
  if (state.jobs.some(silent)) set({ jobs: state.jobs.map((one) => (silent(one) ? { ...one, seconds: one.seconds + 1 } : one)) });
}, 1000);

on("open", () => { ask("jobs").then((answer) => { cores = answer.cores; set({ jobs: answer.jobs }); }, refused); });
on("job", (job) => take(job));
on("job.gone", ({ id }) => set({ jobs: state.jobs.filter((one) => one.id !== id) }));

/** @param {Job} job */
function take(job) {
  const before = state.jobs.find((one) => one.id === job.id);
  set({ jobs: before ? state.jobs.map((one) => (one.id === job.id ? job : one)) : [...state.jobs, job] });
  if (before?.state === job.state) return;
  if (job.state === "running") say(`${job.verb} is running.`);
  if (job.state === "failed") say(`${job.verb} was refused. ${job.error}`);
  if (job.state === "stopped") say(`${job.verb} was stopped; nothing was recorded.`);
  if (job.state === "done") {
    say(`${job.verb}: ${job.lines[0] ?? "done"}`);
    if (job.verb === "explore" && mine.has(job.id)) set({ step: null, run: 0 });
  }
}

/**
 * Run a verb on the server, in a process of its own.
 * @param {string} verb
 * @param {Record<string, any>} settings  those that differ from their defaults
 * @returns {Promise<Job>} as soon as it is in the queue
 */
export async function startJob(verb, settings) {
  const job = await ask("job.start", { verb, settings });
  mine.add(job.id);
  if (!state.jobs.some((one) => one.id === job.id)) set({ jobs: [...state.jobs, job] });
  return job;
}

/** @param {number} id */
export function stopJob(id) { ask("job.stop", { job: id }).catch(refused); }
/** Put away what a job said. @param {number} id */
export function forgetJob(id) { ask("job.forget", { job: id }).catch(refused); }
