// @ts-check
/** Binary frames of the server (see frames.py): a header, a description as JSON, typed arrays. Import-free. */

/** @typedef {Uint8Array | Uint16Array | Uint32Array | Int32Array | Float32Array} Numbers */
/** @typedef {{kind: number, generation: number, meta: any, arrays: Numbers[]}} Frame */

export const REPLY = 1;
export const PUSH = 2;
const TYPES = { u8: Uint8Array, u16: Uint16Array, u32: Uint32Array, i32: Int32Array, f32: Float32Array };

/**
 * Read one frame; the arrays are views into its buffer.
 * @param {ArrayBuffer} buffer
 * @returns {Frame}
 */
export function unpack(buffer) {
  const head = new DataView(buffer);
  const kind = head.getUint32(0, true), generation = head.getUint32(4, true), length = head.getUint32(8, true);
  const meta = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 12, length)));
  let at = 12 + length;
  const arrays = [];
  for (const [name, size] of meta.arrays) {
    const Type = TYPES[/** @type {keyof typeof TYPES} */ (name)];
    arrays.push(new Type(buffer, at, size));
    at += Math.ceil((size * Type.BYTES_PER_ELEMENT) / 4) * 4;
  }
  return { kind, generation, meta, arrays };
}
