// @ts-check
/** The one connection: requests with promises, pushes with listeners; it comes back by itself. */
import { PUSH, unpack } from "./frames.js";
import { set } from "./state.js";

/** @typedef {{resolve: (answer: any) => void, reject: (why: Error) => void}} Waiting */

/** A refusal of the server: ``message`` is the sentence, ``kind`` the name of the error. */
export class Refused extends Error {
  /** @param {string} message @param {string} kind */
  constructor(message, kind) { super(message); this.kind = kind; }
}

/** @type {WebSocket | null} */
let socket = null;
let number = 0;
let pause = 250;
/** @type {Map<number, Waiting>} */
const waiting = new Map();
/** @type {Map<string, Set<(data: any) => void>>} */
const listeners = new Map();

/** Connect, and again whenever the connection breaks. */
export function connect() {
  const address = new URL("/socket", location.href);
  address.protocol = "ws:";
  socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { pause = 250; set({ connected: true }); tell("open", {}); };
  socket.onmessage = (event) => take(event.data);
  socket.onclose = () => {
    set({ connected: false });
    for (const one of waiting.values()) one.reject(new Refused("The connection to the server is lost; the page tries again.", "Offline"));
    waiting.clear();
    tell("closed", {});
    setTimeout(connect, pause);
    pause = Math.min(5000, pause * 1.6);
  };
}

/** @param {string | ArrayBuffer} data */
function take(data) {
  if (typeof data !== "string") {
    const frame = unpack(data);
    if (frame.kind === PUSH) { tell(frame.meta.push, { ...frame.meta, arrays: frame.arrays, generation: frame.generation }); return; }
    settle(frame.generation, { ...frame.meta, arrays: frame.arrays });
    return;
  }
  const message = JSON.parse(data);
  if (message.push) tell(message.push, message);
  else settle(message.re, message);
}

/** @param {number} id @param {any} answer */
function settle(id, answer) {
  const one = waiting.get(id);
  if (!one) return;
  waiting.delete(id);
  if (answer.error) one.reject(new Refused(answer.error, answer.kind));
  else if (answer.stale) one.reject(new Refused("out of date", "Stale"));
  else one.resolve(answer);
}

/**
 * Ask the server.
 * @param {string} name          such as "map.positions"
 * @param {Object} [given]       its arguments
 * @param {{lane?: string, study?: string}} [how]  of a lane only the newest request is answered; older ones are refused as "Stale";
 *   what is said of a study is refused while another is open
 * @returns {Promise<any>}       the answer; its ``arrays`` hold what came as typed arrays
 */
export function ask(name, given = {}, how = {}) {
  return new Promise((resolve, reject) => {
    if (!socket || socket.readyState !== WebSocket.OPEN) { reject(new Refused("The connection to the server is lost; the page tries again.", "Offline")); return; }
    number += 1;
    waiting.set(number, { resolve, reject });
    socket.send(JSON.stringify({ ...given, do: name, id: number, ...(how.lane ? { lane: how.lane } : {}), ...(how.study ? { of_study: how.study } : {}) }));
  });
}

/**
 * Listen to what the server says by itself; "open" comes after each (re)connection.
 * @param {string} name
 * @param {(data: any) => void} listener
 * @returns {() => void} what ends it
 */
export function on(name, listener) {
  if (!listeners.has(name)) listeners.set(name, new Set());
  listeners.get(name)?.add(listener);
  return () => { listeners.get(name)?.delete(listener); };
}

/** @param {string} name @param {any} data */
function tell(name, data) { for (const listener of [...(listeners.get(name) ?? [])]) listener(data); }
