import { types } from 'node:util';

/** How many values are copied of one thing. */
const most = 20_000;

/**
 * What a value holds now, as plain data: it goes on to change. Functions, getters and private fields have no part in it. Where it
 * has more than 20,000 values, the rest is left out.
 */
export function copyOf(value: unknown): unknown {
  const copies = new Map<object, unknown>();
  const copy = (from: unknown): unknown => {
    if (typeof from === 'function' || typeof from === 'symbol') return undefined;
    if (typeof from !== 'object' || from === null) return from;
    const known = copies.get(from);
    if (known !== undefined || copies.size > most) return known;
    if (types.isDate(from)) return new Date(from);
    if (ArrayBuffer.isView(from)) return Buffer.from(new Uint8Array(from.buffer, from.byteOffset, from.byteLength));
    if (Array.isArray(from)) return filled(copies, from, [], (to: unknown[]) => to.push(...from.map(copy)));
    if (types.isMap(from))
      return filled(copies, from, new Map<unknown, unknown>(), (to) => {
        for (const [key, each] of from) to.set(typeof key === 'object' ? copy(key) : key, copy(each));
      });
    if (types.isSet(from))
      return filled(copies, from, new Set<unknown>(), (to) => {
        for (const each of from) to.add(copy(each));
      });
    return filled(copies, from, {}, (to: Record<string, unknown>) => {
      for (const [key, { value: own }] of Object.entries(Object.getOwnPropertyDescriptors(from)))
        Object.defineProperty(to, key, { value: copy(own), enumerable: true, configurable: true });
    });
  };
  return copy(value);
}

function filled<To>(copies: Map<object, unknown>, from: object, to: To, fill: (to: To) => void): To {
  copies.set(from, to);
  fill(to);
  return to;
}
